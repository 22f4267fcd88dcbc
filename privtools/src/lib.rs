//! The six programs together. There is no code here: see privtools(7), and the package of that name.
