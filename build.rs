//! Linker flags of the module.

#[expect(clippy::disallowed_methods, reason = "this is how Cargo tells a build script what is built")]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        // Once loaded, the module stays: threads that used AWS-LC run its destructors when they end, and each
        // load would use up one of the 1024 thread keys of a process.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
