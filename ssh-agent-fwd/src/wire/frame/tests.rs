//! Frames at their bounds.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// A peer that sends so many bytes at a time and is interrupted before each.
struct Slow {
    bytes: VecDeque<u8>,
    pieces: Vec<usize>,
    turn: usize,
}

impl Slow {
    fn new(bytes: &[u8], pieces: &[usize]) -> Self {
        Self { bytes: bytes.iter().copied().collect(), pieces: pieces.to_vec(), turn: 0 }
    }
}

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        if self.turn % 2 == 1 {
            return Err(ErrorKind::Interrupted.into());
        }
        let piece = self.pieces[self.turn / 2 % self.pieces.len()].min(buffer.len());
        self.bytes.read(&mut buffer[..piece])
    }
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut message = u32::try_from(body.len()).expect("a length").to_be_bytes().to_vec();
    message.extend_from_slice(body);
    message
}

/// What the error of reading these bytes is, and how much memory it took.
fn refused(bytes: &[u8]) -> (&'static str, usize) {
    let mut body = Vec::new();
    let error = read_frame(&mut &*bytes, &mut body).expect_err("no message");
    (error.code(), body.capacity())
}

#[test]
fn a_body_of_1_byte_and_one_of_256_kib_are_read_and_one_byte_more_is_not() {
    for length in [1, CHUNK - 1, CHUNK, CHUNK + 1, 256 * 1024 - 1, 256 * 1024] {
        let sent = vec![11; length];
        let (mut body, mut stream) = (Vec::new(), &framed(&sent)[..]);
        assert!(read_frame(&mut stream, &mut body).expect("a message"));
        assert!(body == sent && stream.is_empty(), "{length}");
    }
    for (length, code) in [
        (0_u32, "frame-empty"),
        (256 * 1024 + 1, "frame-too-long"),
        (0x8000_0000, "frame-too-long"),
        (u32::MAX, "frame-too-long"),
    ] {
        let mut stream = length.to_be_bytes().to_vec();
        stream.extend_from_slice(&[11; 64]);
        assert_eq!(refused(&stream), (code, 0), "{length}: no memory is taken");
    }
}

#[test]
fn a_length_alone_takes_no_more_memory_than_one_chunk() {
    for came in [0, 1, CHUNK, 3 * CHUNK] {
        let mut stream = u32::try_from(MAX_FRAME).expect("a length").to_be_bytes().to_vec();
        stream.resize(HEADER + came, 0);
        let (code, capacity) = refused(&stream);
        assert_eq!(code, "frame-closed");
        assert!(capacity <= 2 * (came + CHUNK), "{came} bytes came, {capacity} were taken");
    }
}

#[test]
fn a_stream_may_end_between_two_messages_and_nowhere_else() {
    let message = framed(b"\x0babc");
    let mut body = vec![1, 2, 3];
    assert!(!read_frame(&mut &b""[..], &mut body).expect("an end"));
    assert!(body.is_empty());
    for end in 1..message.len() {
        assert_eq!(refused(&message[..end]).0, "frame-closed", "after {end} bytes");
    }
}

#[test]
fn two_hundred_requests_in_one_write_are_two_hundred_messages() {
    let stream = framed(&[11]).repeat(200);
    let (mut reader, mut body) = (&stream[..], Vec::new());
    for _ in 0..200 {
        assert!(read_frame(&mut reader, &mut body).expect("a message"));
        assert_eq!(body, [11]);
    }
    assert!(!read_frame(&mut reader, &mut body).expect("an end"));
}

#[test]
fn a_long_message_does_not_keep_its_memory() {
    let mut stream = framed(&vec![0; MAX_FRAME]);
    stream.extend_from_slice(&framed(&[11]));
    let (mut reader, mut body) = (&stream[..], Vec::new());
    assert!(read_frame(&mut reader, &mut body).expect("a message"));
    assert!(read_frame(&mut reader, &mut body).expect("a message"));
    assert!(body == [11] && body.capacity() <= CHUNK, "{}", body.capacity());
}

#[test]
fn a_slow_peer_is_an_error_of_the_connection() {
    struct Stalled;
    impl Read for Stalled {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(ErrorKind::WouldBlock.into())
        }
    }
    let error = read_frame(&mut Stalled, &mut Vec::new()).expect_err("no message");
    assert!(matches!(&error, FrameError::Io(error) if error.kind() == ErrorKind::WouldBlock), "{error}");
}

#[test]
fn a_message_is_written_at_once_and_never_one_that_cannot_be_read() {
    struct Writes(Vec<Vec<u8>>);
    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut writes = Writes(Vec::new());
    write_frame(&mut writes, &[5]).expect("written");
    assert_eq!(writes.0, [vec![0, 0, 0, 1, 5]]);
    for body in [vec![], vec![0; MAX_FRAME + 1]] {
        let error = write_frame(&mut writes, &body).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(writes.0.len(), 1);
}

#[test]
fn every_error_is_a_sentence() {
    for (error, word) in [
        (FrameError::Closed, "closed"),
        (FrameError::Empty, "no bytes"),
        (FrameError::TooLong(u32::MAX), "4294967295"),
        (FrameError::Io(ErrorKind::TimedOut.into()), "timed out"),
    ] {
        assert!(error.to_string().contains(word), "{error}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_however_it_is_cut(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..6),
        pieces in prop::collection::vec(1_usize..40, 1..5),
    ) {
        let mut stream = Vec::new();
        for body in &bodies {
            write_frame(&mut stream, body).expect("written");
        }
        let (mut slow, mut body) = (Slow::new(&stream, &pieces), Vec::new());
        for sent in &bodies {
            prop_assert!(read_frame(&mut slow, &mut body).expect("a message"));
            prop_assert_eq!(&body, sent);
        }
        prop_assert!(!read_frame(&mut slow, &mut body).expect("an end"));
    }

    #[test]
    fn no_byte_after_a_message_is_read(stream in prop::collection::vec(any::<u8>(), 0..200), small in 0_u8..100) {
        let mut stream = stream;
        if let Some(header) = stream.first_chunk_mut::<HEADER>() {
            *header = [0, 0, 0, small];
        }
        let (mut rest, mut body) = (&stream[..], Vec::new());
        if let Ok(true) = read_frame(&mut rest, &mut body) {
            prop_assert_eq!(body.len(), usize::from(small));
            prop_assert_eq!(rest.len(), stream.len() - HEADER - body.len());
        }
    }
}
