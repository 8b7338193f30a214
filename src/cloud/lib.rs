//! The update service as a pure value: catalogue, answers, faults; and the signed document both ends use.
