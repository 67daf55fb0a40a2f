//! Unmasking payloads (RFC 6455 section 5.3).

/// XORs the payload with the mask, eight bytes at a time; the compiler turns the loop into vector instructions.
pub(super) fn unmask(mask: [u8; 4], payload: &mut [u8]) {
    let [a, b, c, d] = mask;
    let twice = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, tail) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ twice).to_ne_bytes();
    }
    let (half, tail) = tail.as_chunks_mut::<4>();
    for word in half {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, mask) in tail.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::unmask;

    #[test]
    fn every_byte_is_unmasked_with_the_byte_of_the_mask_at_its_place() {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        for length in 0..40 {
            let mut payload: Vec<u8> = (0..length).collect();
            unmask(mask, &mut payload);
            for (at, byte) in payload.iter().enumerate() {
                assert_eq!(*byte, at as u8 ^ mask[at % 4], "{at} of {length}");
            }
        }
    }
}
