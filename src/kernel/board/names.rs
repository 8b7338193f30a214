//! Who bears a name, in any case. The texts are not kept here: each entry is a component's
//! place and a digest of its name, and whoever asks says what the component there is called.

use contract::id::ComponentId;

/// Places by name. Those with digests near each other lie near each other; a place that is
/// taken is passed over.
#[derive(Debug, Default)]
pub(super) struct Names {
    entries: Vec<Entry>,
    taken: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// [`ComponentId::OUTSIDE`], which no component is, if the entry is free.
    id: ComponentId,
    digest: u32,
}

const FREE: Entry = Entry { id: ComponentId::OUTSIDE, digest: 0 };
const ENTRIES_MIN: usize = 16;

impl Names {
    /// The component of that name, in any case.
    pub(super) fn find<'a>(
        &self,
        name: &str,
        name_of: impl Fn(ComponentId) -> &'a str,
    ) -> Option<ComponentId> {
        self.search(name, digest(name), name_of).ok()
    }

    /// Takes a name down; false if somebody bears it, in any case.
    pub(super) fn add<'a>(
        &mut self,
        name: &str,
        id: ComponentId,
        name_of: impl Fn(ComponentId) -> &'a str,
    ) -> bool {
        if (self.taken + 1) * 8 > self.entries.len() * 7 {
            self.grow();
        }
        let digest = digest(name);
        match self.search(name, digest, name_of) {
            Ok(_) => false,
            Err(free) => {
                self.entries[free] = Entry { id, digest };
                self.taken += 1;
                true
            }
        }
    }

    /// Who bears the name, or the free entry where it would stand.
    fn search<'a>(
        &self,
        name: &str,
        digest: u32,
        name_of: impl Fn(ComponentId) -> &'a str,
    ) -> Result<ComponentId, usize> {
        for nth in self.from(digest) {
            let Entry { id, digest: other } = self.entries[nth];
            if id == ComponentId::OUTSIDE {
                return Err(nth);
            }
            if other == digest && name_of(id).eq_ignore_ascii_case(name) {
                return Ok(id);
            }
        }
        Err(0)
    }

    /// Every entry, from where one with that digest belongs.
    fn from(&self, digest: u32) -> impl Iterator<Item = usize> + use<> {
        let all = self.entries.len();
        let first = ((u64::from(digest) * all as u64) >> 32) as usize;
        (first..all).chain(0..first)
    }

    /// Half as many again, so that the entries are never much more than the names.
    fn grow(&mut self) {
        let more = (self.entries.len() * 3 / 2).max(ENTRIES_MIN);
        let before = std::mem::replace(&mut self.entries, vec![FREE; more]);
        for entry in before.into_iter().filter(|entry| entry.id != ComponentId::OUTSIDE) {
            let free = self.from(entry.digest).find(|nth| self.is_free(*nth));
            self.entries[free.expect("there are more entries than before")] = entry;
        }
    }

    fn is_free(&self, nth: usize) -> bool {
        self.entries[nth].id == ComponentId::OUTSIDE
    }
}

/// The same for names that differ in case alone, and for few others.
fn digest(name: &str) -> u32 {
    /// What a capital letter lacks of a small one. Other characters may be mixed up by it: the
    /// names themselves are compared in the end.
    const SMALL: u64 = u64::from_le_bytes([0x20; 8]);
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mix = |sum: u64, bytes: [u8; 8]| {
        let product = u128::from(sum ^ (u64::from_le_bytes(bytes) | SMALL)) * u128::from(FACTOR);
        (product >> 64) as u64 ^ product as u64
    };
    let (words, rest) = name.as_bytes().as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let sum = words.iter().fold(name.len() as u64, |sum, word| mix(sum, *word));
    // Once more, so that the last letters matter to the highest bits as well.
    (mix(mix(sum, last), [0; 8]) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_many_names_is_found_in_any_case_and_no_other_is() {
        let texts: Vec<String> = (0..10_000).map(|n| format!("SMS_Component_{n}_Äb")).collect();
        let name_of = |id: ComponentId| &*texts[id.slot() as usize];
        let mut names = Names::default();
        assert_eq!(names.find("anything", name_of), None);
        for (number, text) in (0..).zip(&texts) {
            assert!(names.add(text, ComponentId::new(0, number), name_of));
            assert!(!names.add(&text.to_ascii_lowercase(), ComponentId::new(1, 0), name_of));
        }
        for (number, text) in (0..).zip(&texts) {
            let found = names.find(&text.to_ascii_uppercase(), name_of);
            assert_eq!(found, Some(ComponentId::new(0, number)));
            assert_eq!(names.find(&text[1..], name_of), None);
        }
        assert!(names.entries.len() < texts.len() * 2, "{}", names.entries.len());
    }

    #[test]
    fn names_that_count_up_are_spread_over_all_entries() {
        let mut hit = vec![false; 1_024];
        for number in 0..1_024 {
            hit[(digest(&format!("COUNTER_{number}")) >> 22) as usize] = true;
        }
        let spread = hit.iter().filter(|hit| **hit).count();
        assert!(spread > 550, "as by chance, that is 647 of 1,024, not {spread}");
    }
}
