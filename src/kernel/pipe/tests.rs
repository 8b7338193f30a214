//! A pipe from one thread. Not in `pipe` itself, which the model in `tests/loom.rs` includes.

use crate::pipe::{Outlet, pipe};
use crate::sync::{CHUNK, RING};

/// Takes all that is in a pipe, chunk by chunk; answers how much each held.
fn chunks(outlet: &mut Outlet<usize, usize>, all: &mut Vec<usize>) -> Vec<usize> {
    let (mut words, mut lengths) = (Vec::new(), Vec::new());
    while !outlet.is_empty() {
        let other = outlet.take(RING, &mut words);
        lengths.push(words.len());
        all.append(&mut words);
        all.extend(other);
    }
    lengths
}

#[test]
fn what_goes_in_comes_out_in_order_however_much_it_is() {
    let (mut inlet, mut outlet) = pipe();
    for round in 0..3 {
        let (many, mut all) = (RING + CHUNK + 7 + round, Vec::new());
        (0..many).for_each(|word| inlet.send_word(word));
        inlet.send_words(&mut (many..many + 5).collect());
        inlet.send(many + 5);
        inlet.send(many + 6);
        inlet.send_word(many + 7);
        assert_eq!((inlet.len(), outlet.len()), (many + 8, many + 8));
        let lengths = chunks(&mut outlet, &mut all);
        assert_eq!(lengths, [RING, CHUNK, 7 + round, 5, 0, 0, 1]);
        assert!(all.into_iter().eq(0..many + 8));
    }
    assert!(!outlet.is_over());
    inlet.send(7);
    drop(inlet);
    assert!(!outlet.is_over(), "there is something in it");
    chunks(&mut outlet, &mut Vec::new());
    assert!(outlet.is_over());
}

#[test]
fn a_pipe_that_was_full_once_gives_the_room_back() {
    let (mut inlet, mut outlet) = pipe();
    (0..1_000 * CHUNK).for_each(|word| inlet.send_word(word));
    (0..1_000).for_each(|other| inlet.send(other));
    chunks(&mut outlet, &mut Vec::new());
    let (chunks, words) = inlet.room();
    assert!(chunks <= 64 && words <= 5 * RING, "{chunks} {words}");
}
