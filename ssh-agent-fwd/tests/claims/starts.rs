//! Ready means ready: case 13 of reference/ssh-agent.md, section 6.

use crate::bench::{Bench, pem};

#[test]
fn case_13_after_each_of_a_hundred_cold_starts_the_first_list_has_the_key() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("a");
    let manifest = bench.manifest(&[pem(&key)]);
    for number in 0..100 {
        let output = bench.up(&manifest, &["-q"]);
        assert!(output.status.success(), "{number}: {output:?}");
        assert_eq!(bench.fingerprints(), std::slice::from_ref(&key.fingerprint), "{number}");
        assert!(bench.down().status.success(), "{number}");
        assert!(!bench.instance().exists(), "{number}");
    }
}
