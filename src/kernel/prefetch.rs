//! Asking memory for what is going to be needed soon.

/// Asks the processor to fetch the beginning of `value` into its cache. A hint: it changes nothing
/// but the time that a later access takes.
#[inline(always)]
#[expect(unsafe_code, reason = "the standard library has no safe way to say this yet")]
pub(crate) fn prefetch<T: ?Sized>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the instruction reads nothing that the program could see, and never faults,
        // whatever the address; this one is that of a live value besides. Every x86-64 has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
