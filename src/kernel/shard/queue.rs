//! Mail between components of one shard. Most of it is bare words: they are queued as they were
//! asked for, and all other mail lies beside them in a list of its own, with a mark among the words
//! for the place of each.

use std::collections::VecDeque;

use contract::effect::{Asked, Effect, WordSlip};
use contract::id::ComponentId;
use contract::message::Message;

use crate::parcel::Parcel;
use crate::unwind::discard;

/// Here comes the next of the others. No component is addressed so.
const OTHER: WordSlip =
    WordSlip { to: ComponentId::OUTSIDE, from: ComponentId::OUTSIDE, number: 0, word: 0 };

/// What hooks have asked for, and what of it has become mail for neighbours.
#[derive(Debug, Default)]
pub(super) struct Local {
    asked: Asked,
    /// So many of the words asked for have been sent; what is behind them, and all else in there,
    /// was asked for by the hook being called.
    sent: usize,
    /// What the marks stand for.
    others: VecDeque<Parcel>,
    /// Empty, and kept for its capacity: a busy shard allocates no list for each message.
    words: Vec<WordSlip>,
}

impl Local {
    /// For a hook to ask in.
    #[inline]
    pub(super) fn asked(&mut self) -> &mut Asked {
        &mut self.asked
    }

    /// Whether the hook has asked for anything that has not been seen to.
    #[inline]
    pub(super) fn has_asked(&self) -> bool {
        self.asked.words.len() > self.sent || !self.asked.others.is_empty()
    }

    /// The words that the hook has asked to be sent, if it has asked for nothing else.
    #[inline]
    pub(super) fn only_words(&mut self) -> Option<&mut [WordSlip]> {
        if self.asked.others.is_empty() { Some(&mut self.asked.words[self.sent..]) } else { None }
    }

    /// Those words are sent as they are.
    #[inline]
    pub(super) fn note_sent(&mut self) {
        self.sent = self.asked.words.len();
    }

    /// Those words have been sent otherwise.
    #[inline]
    pub(super) fn drop_words(&mut self) {
        self.asked.words.truncate(self.sent);
    }

    /// Takes those words, if there are any, to be sent otherwise.
    pub(super) fn take_words(&mut self) -> Option<Vec<WordSlip>> {
        if self.asked.words.len() == self.sent {
            return None;
        }
        let mut words = std::mem::take(&mut self.words);
        words.extend(self.asked.words.drain(self.sent..));
        Some(words)
    }

    /// Takes the message that the hook has asked to be sent to a component of `shard`, if it has
    /// asked for nothing else.
    pub(super) fn take_only_message(&mut self, shard: u8) -> Option<(ComponentId, Message)> {
        let has_words = self.asked.words.len() > self.sent;
        let is_it =
            |other: &mut Effect| matches!(other, Effect::Send { to, .. } if to.shard() == shard);
        if has_words || self.asked.others.len() != 1 {
            return None;
        }
        let Some(Effect::Send { to, message }) = self.asked.others.pop_if(is_it) else {
            return None;
        };
        Some((to, message))
    }

    /// Takes what the hook has asked for beside words.
    pub(super) fn take_others(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.asked.others)
    }

    /// Gives emptied lists back. A hook that was called in between has left its own empty.
    pub(super) fn reuse(&mut self, others: Vec<Effect>) {
        self.asked.others = others;
    }

    pub(super) fn reuse_words(&mut self, words: Vec<WordSlip>) {
        self.words = words;
    }

    /// The hook has failed.
    pub(super) fn keep_logs_only(&mut self) {
        self.drop_words();
        let is_no_log = |effect: &mut Effect| !matches!(effect, Effect::Log(_));
        self.asked.others.extract_if(.., is_no_log).for_each(discard);
    }

    /// What the hook has asked for has no effect.
    pub(super) fn forget_asked(&mut self) {
        self.drop_words();
        self.asked.others.drain(..).for_each(discard);
    }

    /// Sends a parcel to a neighbour. What the hook has asked for is seen to, so far.
    pub(super) fn push(&mut self, parcel: Parcel) {
        debug_assert_eq!(self.asked.words.len(), self.sent, "words before what follows them");
        let word = parcel.into_word().unwrap_or_else(|parcel| {
            self.others.push_back(parcel);
            OTHER
        });
        self.asked.words.push(word);
        self.sent = self.asked.words.len();
    }

    /// Whether nothing was sent.
    pub(super) fn is_empty(&self) -> bool {
        self.sent == 0
    }

    /// What was sent.
    pub(super) fn take_all(&mut self) -> VecDeque<Parcel> {
        let mut near = Near::default();
        near.take_from(self);
        near.take_all()
    }
}

/// Mail that is being handed over, in order.
#[derive(Debug, Default)]
pub(super) struct Near {
    words: Vec<WordSlip>,
    others: VecDeque<Parcel>,
    /// So many of the words have been handed over.
    done: usize,
    /// So many of those that were in here before.
    done_before: usize,
}

impl Near {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.words.len() == self.done
    }

    /// All words, what the marks among them stand for, and how many have been handed over, to be
    /// counted on.
    #[inline]
    pub(super) fn parts(&mut self) -> (&[WordSlip], &mut VecDeque<Parcel>, &mut usize) {
        (&self.words, &mut self.others, &mut self.done)
    }

    /// How many have been handed over, ever.
    #[inline]
    pub(super) fn done(&self) -> usize {
        self.done_before + self.done
    }

    /// Takes what was sent, if nothing is left in here.
    #[inline]
    pub(super) fn take_from(&mut self, local: &mut Local) {
        if self.is_empty() && !local.is_empty() {
            self.words.clear();
            self.done_before += std::mem::take(&mut self.done);
            debug_assert!(!local.has_asked(), "it is taken between hooks");
            std::mem::swap(&mut self.words, &mut local.asked.words);
            std::mem::swap(&mut self.others, &mut local.others);
            local.sent = 0;
        }
    }

    /// Puts a parcel ahead of the others.
    pub(super) fn push_front(&mut self, parcel: Parcel) {
        self.words.drain(..self.done);
        self.done_before += std::mem::take(&mut self.done);
        self.words.insert(0, OTHER);
        self.others.push_front(parcel);
    }

    pub(super) fn pop_front(&mut self) -> Option<Parcel> {
        let word = *self.words.get(self.done)?;
        self.done += 1;
        if is_other(&word) { self.others.pop_front() } else { Some(word.into()) }
    }

    /// What has not been handed over.
    pub(super) fn take_all(&mut self) -> VecDeque<Parcel> {
        std::iter::from_fn(|| self.pop_front()).collect()
    }
}

/// Whether this is a mark.
#[inline]
pub(super) fn is_other(word: &WordSlip) -> bool {
    word.to == OTHER.to
}
