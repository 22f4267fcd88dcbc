use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use nix::errno::Errno;
use nix::sys::stat::Mode;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Short, for a lock that does not come.
const SHORT: Duration = Duration::from_millis(20);

/// A sound record, detached, as it is on disk.
fn sound(bed: &Bed) -> (String, Value) {
    let id = bed.submit_detached().to_string();
    let path = bed.requests().join(format!("{id}.json"));
    (id, serde_json::from_slice(&fs::read(path).expect("read")).expect("JSON"))
}

fn put(bed: &Bed, name: &str, bytes: &[u8]) {
    let path = bed.requests().join(name);
    fs::write(&path, bytes).expect("written");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("set");
}

#[test]
fn a_record_with_a_wrong_field_is_removed() {
    let changes: [(&str, Value); 13] = [
        ("/id", json!("00000000000000000000000000000000")),
        ("/id", json!("../../etc/passwd")),
        ("/subject/uid", json!(u32::MAX)),
        ("/subject/uid", json!(-1)),
        ("/subject/operation", json!([])),
        ("/subject/operation", json!("package")),
        ("/made/secs", json!(u64::MAX)),
        ("/deadline/secs", json!(u64::MAX)),
        ("/deadline", json!({"secs": 0, "nanos": 1})),
        ("/created/secs_since_epoch", json!(253_402_300_800u64)),
        ("/expires/secs_since_epoch", json!(u64::MAX)),
        ("/state", json!({"approved": {"uid": AGENT, "user": "agent"}})),
        ("/state", json!("approved")),
    ];
    for (field, value) in changes {
        let bed = Bed::new();
        let (id, mut record) = sound(&bed);
        let name = format!("{id}.json");
        put(&bed, &name, record.to_string().as_bytes());
        assert_eq!(bed.store.pending().expect("read").len(), 1, "sound as it was");
        *record.pointer_mut(field).expect(field) = value;
        put(&bed, &name, record.to_string().as_bytes());
        assert_eq!(bed.store.pending().expect("read"), [], "{field}");
        assert!(bed.names().is_empty(), "{field}");
    }
}

#[test]
fn bytes_that_are_no_record_are_removed() {
    let bed = Bed::new();
    let (id, mut record) = sound(&bed);
    record["more"] = json!(1);
    let more = record.to_string();
    let deep = "[".repeat(100_000);
    let blank = " ".repeat(MAX_RECORD + 1);
    for bytes in ["", "{}", "null", "\0", &more, &deep, &blank, &more[..more.len() / 2]] {
        put(&bed, &format!("{id}.json"), bytes.as_bytes());
        assert_eq!(bed.store.pending().expect("read"), []);
        assert!(bed.names().is_empty());
    }
}

#[test]
fn files_that_are_no_records_are_removed() {
    let bed = Bed::new();
    let (id, record) = sound(&bed);
    let (path, bytes) = (bed.requests().join(format!("{id}.json")), record.to_string());
    let elsewhere = bed.run.path().join("elsewhere");
    fs::write(&elsewhere, &bytes).expect("written");
    fs::set_permissions(&elsewhere, PermissionsExt::from_mode(0o600)).expect("set");
    let makes: [&dyn Fn(); 4] = [
        &|| symlink(&elsewhere, &path).expect("a link"),
        &|| fs::hard_link(&elsewhere, &path).expect("a link"),
        &|| nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).expect("a fifo"),
        &|| {
            fs::write(&path, &bytes).expect("written");
            fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("set");
        },
    ];
    for make in makes {
        let _ = fs::remove_file(&path);
        make();
        assert_eq!(bed.store.pending().expect("read"), []);
        assert!(bed.names().is_empty());
    }
    fs::create_dir(&path).expect("a folder");
    assert_eq!(bed.store.pending().expect("read"), []);
    assert!(matches!(
        bed.store.claim(RequestId::parse(&id).expect("an id"), AGENT),
        Err(ApprovalError::Unknown(_))
    ));
}

#[test]
fn what_a_killed_process_left_is_removed() {
    let bed = Bed::new();
    let kept = bed.submit_detached();
    let killed = RequestId::random().expect("random");
    let locked = bed.store.lock().expect("locked");
    drop(locked.make_bell(&killed).expect("a bell"));
    drop(locked);
    put(&bed, &format!("{killed}.new"), b"{\"id\":");
    put(&bed, "stray", b"");
    let pending = bed.store.pending().expect("read");
    assert_eq!(pending.iter().map(|request| request.id).collect::<Vec<_>>(), [kept]);
    assert_eq!(bed.names().len(), 2, "a record and its bell: {:?}", bed.names());
}

#[test]
fn a_request_without_its_bell_or_with_another_thing_for_it_is_removed() {
    let bed = Bed::new();
    let claim = bed.submit();
    let bell = bed.requests().join(format!("{}.bell", claim.request().id));
    fs::remove_file(&bell).expect("removed");
    fs::write(&bell, b"").expect("written");
    assert_eq!(bed.store.pending().expect("read"), []);
    assert!(bed.names().is_empty());
}

#[test]
fn no_name_is_used_twice() {
    let bed = Bed::new();
    let claim = bed.submit();
    let locked = bed.store.lock().expect("locked");
    let error = locked.make_bell(&claim.request().id).expect_err("used");
    assert_eq!(error.raw_os_error(), Some(Errno::EEXIST as i32));
}

#[test]
fn records_are_for_root_only() {
    let bed = Bed::new();
    bed.submit_detached();
    for name in bed.names() {
        let mode = bed.requests().join(name).metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_lock_that_does_not_come_is_no_wait_for_ever() {
    let bed = Bed::new();
    let held = bed.store.lock().expect("locked");
    let error = Locked::within(&bed.store.folder, SHORT).err().expect("held");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| bed.store.pending());
        drop(held);
        waiting.join().expect("ended").expect("locked in turn");
    });
    bed.store.pending().expect("the lock that came too late is free");
}

#[test]
fn what_cannot_be_a_record_is_refused() {
    let bed = Bed::new();
    let mut large = asking(AGENT, LONG);
    large.subject.plan = vec!["x".repeat(MAX_RECORD)];
    assert!(matches!(bed.store.submit(&large), Err(ApprovalError::TooLarge)));
    let mut empty = asking(AGENT, LONG);
    empty.subject.operation.clear();
    assert!(matches!(bed.store.submit(&empty), Err(ApprovalError::Unsound)));
    assert!(matches!(bed.store.submit(&asking(u32::MAX, LONG)), Err(ApprovalError::Unsound)));
    assert!(bed.names().is_empty());
}

#[test]
fn no_request_waits_longer_than_the_limit() {
    let bed = Bed::new();
    let claim = bed.store.submit(&asking(AGENT, Duration::MAX)).expect("submitted");
    let request = claim.request();
    assert_eq!(request.expires.duration_since(request.created).expect("later"), MAX_TIMEOUT);
    assert_eq!(request.deadline - request.made, MAX_TIMEOUT);
}

#[test]
fn what_is_shown_is_the_whole_operation_escaped() {
    let bed = Bed::new();
    let mut new = asking(AGENT, LONG);
    new.user = "a\u{1b}[2Jb".into();
    new.subject.operation = ["run", "a", "k=x y\n\u{202e}\u{200b}х\"\\", ""].map(str::to_owned).into();
    new.subject.operation.push("z".repeat(4096));
    new.subject.plan = vec!["Inst a\r1".into()];
    let claim = bed.store.submit(&new).expect("submitted");
    let request = claim.request();
    let shown =
        format!("run a \"k=x y\\n\\u{{202e}}\\u{{200b}}\\u{{445}}\\\"\\\\\" \"\" {}", "z".repeat(4096));
    assert_eq!(request.display(), shown);
    assert_eq!(request.plan(), ["Inst a\\r1"]);
    assert_eq!(request.user, "a\\u{1b}[2Jb");
}

proptest! {
    #[test]
    fn one_binding_and_one_line_for_one_operation(one in prop::collection::vec("[ab \"]{0,3}", 0..4), two in prop::collection::vec("[ab \"]{0,3}", 0..4)) {
        let of = |operation: &Vec<String>| Subject { operation: operation.clone(), ..subject(AGENT) };
        prop_assert_eq!(of(&one).binding() == of(&two).binding(), one == two);
        let line = |operation: &Vec<String>| {
            let new = NewRequest { subject: of(operation), ..asking(AGENT, LONG) };
            Request::new(&new, true, Duration::ZERO).display()
        };
        prop_assert_eq!(line(&one) == line(&two), one == two);
    }
}

#[test]
fn text_does_not_move_between_lists() {
    let with = |operation: &[&str], argv: &[&str], plan: &[&str]| {
        let list = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let subject = Subject { uid: 1, operation: list(operation), argv: list(argv), plan: list(plan) };
        subject.binding().to_string()
    };
    let all = [
        with(&["a", "b"], &[], &[]),
        with(&["a"], &["b"], &[]),
        with(&["a"], &[], &["b"]),
        with(&["ab"], &[], &[]),
        with(&["a", "b", ""], &[], &[]),
    ];
    for (index, one) in all.iter().enumerate() {
        assert_eq!(one.len(), 64);
        assert!(all[index + 1..].iter().all(|other| other != one));
    }
}
