//! What the built module shows to the process that loads it: three functions, and that it stays.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by a panic")]

use std::path::PathBuf;
use std::process::Command;

/// The module beside the test programs of this build.
fn module() -> PathBuf {
    let mut folder = std::env::current_exe().unwrap();
    folder.pop();
    let deps = folder.join("libkeyward_pkcs11.so");
    folder.pop();
    let built = folder.join("libkeyward_pkcs11.so");
    [built, deps].into_iter().find(|path| path.is_file()).expect("run `cargo build` first")
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).arg(module()).output().unwrap();
    assert!(output.status.success(), "{program}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn module_exports_the_three_entry_points_and_nothing_else() {
    let symbols = output("nm", &["-D", "--defined-only"]);
    let mut names: Vec<_> = symbols.lines().filter_map(|line| line.split_whitespace().next_back()).collect();
    names.sort_unstable();
    assert_eq!(names, ["C_GetFunctionList", "C_GetInterface", "C_GetInterfaceList"]);
}

#[test]
fn module_leaves_no_hook_of_aws_lc_open_to_its_host() {
    let open = output("nm", &["-D", "--undefined-only"]);
    for hook in ["OPENSSL_memory", "sdallocx", "aws_lc"] {
        assert!(!open.contains(hook), "{hook}");
    }
}

#[test]
fn module_stays_once_it_is_loaded_and_needs_no_libcrypto() {
    let dynamic = output("readelf", &["-d"]);
    assert!(dynamic.contains("NODELETE"));
    let needed: Vec<_> = dynamic.lines().filter(|line| line.contains("(NEEDED)")).collect();
    assert!(!needed.iter().any(|line| line.contains("crypto") || line.contains("ssl")), "{needed:?}");
}
