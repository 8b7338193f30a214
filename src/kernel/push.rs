//! Lists of a million things that do not take up the room of two.

/// Pushes a value; a full list is made an eighth longer, not twice as long. That it is moved more
/// often costs little: what is that large is moved by its pages.
pub(crate) fn push_closely<T>(list: &mut Vec<T>, value: T) {
    /// A list that is short may well double.
    const SHORT: usize = 64;
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 8).max(SHORT.min(list.len())).max(1));
    }
    list.push(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_has_little_room_to_spare() {
        let mut list = Vec::new();
        for value in 0..100_000 {
            push_closely(&mut list, value);
            let spare = list.capacity() - list.len();
            assert!(spare <= 64 + list.len() / 8, "{spare} of {value}");
        }
        assert!(list.into_iter().eq(0..100_000));
    }
}
