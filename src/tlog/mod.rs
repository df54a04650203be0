//! Transparency log, exactly as C2SP writes it. Pure: no I/O, imports nothing of ours.
