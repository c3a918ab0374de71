//! One client connection: frames in, responses out, in order.
