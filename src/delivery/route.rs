//! To whom.
