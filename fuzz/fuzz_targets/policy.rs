//! Policy files.
#![no_main]

use keyward_pkcs11::policy::Ruleset;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Ruleset::load("fuzzed", text, &|path| Err(path.to_owned())) {
        Ok(rules) => {
            rules.run_tests();
            assert!(!rules.describe().is_empty());
        }
        Err(problems) => assert!(problems.iter().all(|problem| !problem.to_string().is_empty())),
    }
});
