//! Tokens and records as rows. Every statement is prepared once a connection.

use std::fmt::Write;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Result, Row, params, params_from_iter};

use crate::ck::CK_OBJECT_CLASS;
use crate::store::{BlindIndex, Change, IndexKind, Query, Record, TokenRecord, Uid, UserRecord};

/// Values of one kind that go into one statement; longer lists are searched in parts.
const VALUES_MAX: usize = 64;

/// Numbers are kept as SQLite's signed ones: versions are below 2^63 (checked on the way in), classes by bit pattern.
pub(super) fn stored(number: u64) -> i64 {
    number.cast_signed()
}

pub(super) fn tokens(connection: &Connection) -> Result<Vec<TokenRecord>> {
    let mut tokens = connection
        .prepare_cached("SELECT serial, version, header, seal FROM token ORDER BY ordinal")?
        .query_map([], token_of)?
        .collect::<Result<Vec<_>>>()?;
    for token in &mut tokens {
        token.users = users(connection, &token.serial)?;
    }
    Ok(tokens)
}

pub(super) fn token(connection: &Connection, serial: &str) -> Result<Option<TokenRecord>> {
    let found = connection
        .prepare_cached("SELECT serial, version, header, seal FROM token WHERE serial = ?1")?
        .query_row([serial], token_of)
        .optional()?;
    let Some(mut token) = found else { return Ok(None) };
    token.users = users(connection, serial)?;
    Ok(Some(token))
}

fn token_of(row: &Row<'_>) -> Result<TokenRecord> {
    Ok(TokenRecord {
        serial: row.get(0)?,
        version: row.get::<_, i64>(1)?.cast_unsigned(),
        header: row.get(2)?,
        seal: row.get(3)?,
        users: Vec::new(),
    })
}

fn users(connection: &Connection, serial: &str) -> Result<Vec<UserRecord>> {
    connection
        .prepare_cached("SELECT name, credential, attempts FROM user WHERE serial = ?1 ORDER BY ordinal")?
        .query_map([serial], |row| {
            Ok(UserRecord { name: row.get(0)?, credential: row.get(1)?, attempts: row.get(2)? })
        })?
        .collect()
}

pub(super) fn put_token(connection: &Connection, token: &TokenRecord) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO token (serial, version, header, seal) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (serial) DO UPDATE
             SET version = excluded.version, header = excluded.header, seal = excluded.seal",
        )?
        .execute(params![token.serial, stored(token.version), token.header, token.seal])?;
    connection.prepare_cached("DELETE FROM user WHERE serial = ?1")?.execute([&token.serial])?;
    let mut insert = connection
        .prepare_cached("INSERT INTO user (serial, name, credential, attempts) VALUES (?1, ?2, ?3, ?4)")?;
    for user in &token.users {
        insert.execute(params![token.serial, user.name, user.credential, user.attempts])?;
    }
    Ok(())
}

pub(super) fn clear(connection: &Connection, serial: &str) -> Result<()> {
    connection.prepare_cached("DELETE FROM record WHERE serial = ?1")?.execute([serial])?;
    Ok(())
}

pub(super) fn record(connection: &Connection, serial: &str, uid: Uid) -> Result<Option<Record>> {
    connection
        .prepare_cached(
            "SELECT version, class, private, deleted,
                    ix_key_type, ix_id, ix_label, ix_subject, ix_public_key,
                    attributes, material, seal
             FROM record WHERE serial = ?1 AND uid = ?2",
        )?
        .query_row(params![serial, uid.0], |row| record_of(uid, row))
        .optional()
}

fn record_of(uid: Uid, row: &Row<'_>) -> Result<Record> {
    let class = row.get::<_, i64>(1)?;
    let mut index = Vec::new();
    for (kind, column) in IndexKind::ALL.into_iter().zip(4..) {
        if let Some(value) = row.get::<_, Option<BlindIndex>>(column)? {
            index.push((kind, value));
        }
    }
    Ok(Record {
        uid,
        version: row.get::<_, i64>(0)?.cast_unsigned(),
        class: CK_OBJECT_CLASS::try_from(class.cast_unsigned())
            .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(1, class))?,
        private: row.get(2)?,
        deleted: row.get(3)?,
        index,
        attributes: row.get(9)?,
        material: row.get(10)?,
        seal: row.get(11)?,
    })
}

pub(super) fn put_record(connection: &Connection, serial: &str, record: &Record) -> Result<()> {
    let index = |kind| record.index_value(kind);
    connection
        .prepare_cached(
            "INSERT INTO record (serial, uid, version, class, private, deleted,
                 ix_key_type, ix_id, ix_label, ix_subject, ix_public_key, attributes, material, seal)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT (serial, uid) DO UPDATE
             SET version = excluded.version, class = excluded.class, private = excluded.private,
                 deleted = excluded.deleted, ix_key_type = excluded.ix_key_type, ix_id = excluded.ix_id,
                 ix_label = excluded.ix_label, ix_subject = excluded.ix_subject,
                 ix_public_key = excluded.ix_public_key, attributes = excluded.attributes,
                 material = excluded.material, seal = excluded.seal",
        )?
        .execute(params![
            serial,
            record.uid.0,
            stored(record.version),
            stored(record.class),
            record.private,
            record.deleted,
            index(IndexKind::KeyType),
            index(IndexKind::Id),
            index(IndexKind::Label),
            index(IndexKind::Subject),
            index(IndexKind::PublicKey),
            record.attributes,
            record.material,
            record.seal,
        ])?;
    Ok(())
}

pub(super) fn census(connection: &Connection, serial: &str) -> Result<Vec<Change>> {
    connection
        .prepare_cached(
            "SELECT uid, version, deleted FROM record WHERE serial = ?1 AND deleted = 0 ORDER BY version, uid",
        )?
        .query_map([serial], change_of)?
        .collect()
}

pub(super) fn changes(connection: &Connection, serial: &str, version: u64) -> Result<Vec<Change>> {
    let after = i64::try_from(version).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "SELECT uid, version, deleted FROM record WHERE serial = ?1 AND version > ?2 ORDER BY version, uid",
        )?
        .query_map(params![serial, after], change_of)?
        .collect()
}

fn change_of(row: &Row<'_>) -> Result<Change> {
    Ok(Change { uid: Uid(row.get(0)?), version: row.get::<_, i64>(1)?.cast_unsigned(), deleted: row.get(2)? })
}

pub(super) fn count(connection: &Connection, serial: &str) -> Result<u64> {
    connection
        .prepare_cached("SELECT count(*) FROM record WHERE serial = ?1 AND deleted = 0")?
        .query_row([serial], |row| row.get::<_, i64>(0))
        .map(i64::cast_unsigned)
}

pub(super) fn find(connection: &Connection, serial: &str, query: &Query) -> Result<Vec<Uid>> {
    let mut found = found_rows(connection, serial, query)?;
    found.sort_unstable_by_key(|(ordinal, _)| *ordinal);
    found.dedup();
    Ok(found.into_iter().map(|(_, uid)| uid).collect())
}

fn found_rows(connection: &Connection, serial: &str, query: &Query) -> Result<Vec<(i64, Uid)>> {
    if query.index.iter().any(|(_, values)| values.is_empty()) {
        return Ok(Vec::new());
    }
    if let Some(long) = query.index.iter().position(|(_, values)| values.len() > VALUES_MAX) {
        return found_in_parts(connection, serial, query, long);
    }
    let (sql, values) = search(serial, query);
    connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| Ok((row.get(0)?, Uid(row.get(1)?))))?
        .collect()
}

/// Splits the values of the condition at `long`: any of them matches, so the parts add up.
fn found_in_parts(
    connection: &Connection,
    serial: &str,
    query: &Query,
    long: usize,
) -> Result<Vec<(i64, Uid)>> {
    let mut part = query.clone();
    let mut found = Vec::new();
    let Some((_, values)) = query.index.get(long) else { return Ok(found) };
    for values in values.chunks(VALUES_MAX) {
        if let Some((_, place)) = part.index.get_mut(long) {
            *place = values.to_vec();
        }
        found.append(&mut found_rows(connection, serial, &part)?);
    }
    Ok(found)
}

pub(super) fn anchors(connection: &Connection, serial: &str, from: u64, most: usize) -> Result<Vec<Vec<u8>>> {
    connection
        .prepare_cached(
            "SELECT anchor FROM anchor WHERE serial = ?1 AND number >= ?2 ORDER BY number LIMIT ?3",
        )?
        .query_map(params![serial, stored(from), i64::try_from(most).unwrap_or(i64::MAX)], |row| row.get(0))?
        .collect()
}

pub(super) fn chain_end(connection: &Connection, serial: &str) -> Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT end FROM chain WHERE serial = ?1")?
        .query_row([serial], |row| row.get(0))
        .optional()
}

/// Whether the anchor was added: not where its number is taken.
pub(super) fn put_anchor(
    connection: &Connection,
    serial: &str,
    number: u64,
    anchor: &[u8],
    end: &[u8],
) -> Result<bool> {
    let added = connection
        .prepare_cached("INSERT OR IGNORE INTO anchor (serial, number, anchor) VALUES (?1, ?2, ?3)")?
        .execute(params![serial, stored(number), anchor])?;
    connection
        .prepare_cached(
            "INSERT INTO chain (serial, end) VALUES (?1, ?2) ON CONFLICT (serial) DO UPDATE SET end = excluded.end",
        )?
        .execute(params![serial, end])?;
    Ok(added == 1)
}

/// The statement of a search and its values. The condition that narrows most drives it; a unary plus keeps
/// SQLite from choosing another index, because it has no statistics to choose well.
fn search(serial: &str, query: &Query) -> (String, Vec<Value>) {
    let mut sql = String::from("SELECT ordinal, uid FROM record WHERE serial = ?1 AND deleted = 0");
    let mut values = vec![Value::Text(serial.into())];
    let driver = query.index.iter().map(|(kind, _)| *kind).min_by_key(|kind| breadth(*kind));
    let plus = if driver.is_some() { "+" } else { "" };
    if let Some(class) = query.class {
        values.push(Value::Integer(stored(class)));
        let _ = write!(sql, " AND {plus}class = ?{}", values.len());
    }
    if !query.private {
        let _ = write!(sql, " AND {plus}private = 0");
    }
    for (kind, any) in &query.index {
        let plus = if driver == Some(*kind) { "" } else { "+" };
        let _ = write!(sql, " AND {plus}{} IN (", column(*kind));
        // The same text for 3 and 4 values, so that few statements are prepared.
        let places = any.len().next_power_of_two();
        for (at, value) in
            any.iter().chain(std::iter::repeat(any.last().unwrap_or(&[0; 16]))).take(places).enumerate()
        {
            values.push(Value::Blob(value.to_vec()));
            let _ = write!(sql, "{}?{}", if at == 0 { "" } else { "," }, values.len());
        }
        sql.push(')');
    }
    (sql, values)
}

/// How many records one value of a kind is expected to match: fewest first.
fn breadth(kind: IndexKind) -> u8 {
    match kind {
        IndexKind::PublicKey => 0,
        IndexKind::Id => 1,
        IndexKind::Label => 2,
        IndexKind::Subject => 3,
        IndexKind::KeyType => 4,
    }
}

fn column(kind: IndexKind) -> &'static str {
    match kind {
        IndexKind::KeyType => "ix_key_type",
        IndexKind::Id => "ix_id",
        IndexKind::Label => "ix_label",
        IndexKind::Subject => "ix_subject",
        IndexKind::PublicKey => "ix_public_key",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(query: &Query) -> String {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::store::schema::create(&mut connection, &[1; 16]).unwrap();
        let (sql, values) = search("s", query);
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines = statement.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
        lines.map(|line| line.unwrap()).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn search_by_each_kind_uses_its_index() {
        for (kind, index) in [
            (IndexKind::KeyType, "record_key_type (serial=? AND ix_key_type=?)"),
            (IndexKind::Id, "record_id (serial=? AND ix_id=?)"),
            (IndexKind::Label, "record_label (serial=? AND ix_label=?)"),
            (IndexKind::Subject, "record_subject (serial=? AND ix_subject=?)"),
            (IndexKind::PublicKey, "record_public_key (serial=? AND ix_public_key=?)"),
        ] {
            for class in [None, Some(3)] {
                for values in [1, 3] {
                    let query = Query { class, private: false, index: vec![(kind, vec![[1; 16]; values])] };
                    let plan = plan(&query);
                    assert!(plan.contains(index), "{kind:?}: {plan}");
                }
            }
        }
    }

    #[test]
    fn search_by_two_kinds_is_driven_by_the_narrower() {
        let index = vec![(IndexKind::KeyType, vec![[1; 16]]), (IndexKind::Id, vec![[2; 16]])];
        let plan = plan(&Query { class: Some(3), private: true, index });
        assert!(plan.contains("record_id (serial=? AND ix_id=?)"), "{plan}");
    }

    #[test]
    fn search_by_class_needs_no_row_but_the_index() {
        let plan = plan(&Query { class: Some(3), private: false, index: Vec::new() });
        assert!(plan.contains("COVERING INDEX record_class (serial=? AND class=? AND private=?)"), "{plan}");
    }

    #[test]
    fn search_for_everything_needs_no_row_but_the_index() {
        let plan = plan(&Query { class: None, private: true, index: Vec::new() });
        assert!(plan.contains("COVERING INDEX record_class (serial=?)"), "{plan}");
    }
}
