use proptest::prelude::*;

use super::*;

const LIMIT: usize = 8 * 1024 * 1024;

fn pseudo_random(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn every_codec_reads_what_it_wrote() {
    let mut inputs = vec![
        Vec::new(),
        vec![7],
        b"abc".repeat(10),
        vec![0; 1 << 20],
        pseudo_random(200_000),
    ];
    // Around the sizes of blocks.
    for len in [32 * 1024 - 1, 32 * 1024, 32 * 1024 + 1, 64 * 1024, 64 * 1024 + 1] {
        inputs.push(b"a block of text ".iter().copied().cycle().take(len).collect());
    }
    for codec in Codec::ALL {
        for input in &inputs {
            let compressed = compress(codec, None, input).unwrap();
            assert_eq!(
                decompress(codec, &compressed, LIMIT).unwrap(),
                *input,
                "{codec}, {} bytes",
                input.len()
            );
        }
    }
}

#[test]
fn levels_out_of_range_are_brought_into_it() {
    let input = b"level ".repeat(1000);
    for codec in Codec::ALL {
        for level in [i32::MIN, -1, 0, 1, 9, 17, 22, i32::MAX] {
            let compressed = compress(codec, Some(level), &input).unwrap();
            assert_eq!(decompress(codec, &compressed, LIMIT).unwrap(), input, "{codec} {level}");
        }
    }
}

#[test]
fn a_bomb_is_refused_before_it_unfolds() {
    let input = vec![0; 4 * 1024 * 1024];
    for codec in Codec::ALL {
        let compressed = compress(codec, None, &input).unwrap();
        assert!(decompress(codec, &compressed, input.len()).is_ok(), "{codec}");
        for limit in [0, 1, 1000, input.len() - 1] {
            assert_eq!(
                decompress(codec, &compressed, limit).unwrap_err(),
                CompressionError::TooLarge { codec, limit },
                "{codec}"
            );
        }
    }
}

#[test]
fn data_that_breaks_off_is_refused() {
    let input = pseudo_random(100_000);
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let compressed = compress(codec, None, &input).unwrap();
        // The last bytes are gzip's trailer, snappy's last block, lz4's end mark, zstd's last block.
        for cut in [compressed.len() - 1, compressed.len() - 4, compressed.len() / 2, 20] {
            let read = decompress(codec, &compressed[..cut], LIMIT);
            assert!(
                matches!(read, Err(CompressionError::Corrupt { .. })),
                "{codec} cut at {cut}: {read:?}"
            );
        }
    }
}

#[test]
fn snappy_without_framing_is_read() {
    let input = b"raw snappy ".repeat(5000);
    let compressed = snap::raw::Encoder::new().compress_vec(&input).unwrap();
    assert_eq!(decompress(Codec::Snappy, &compressed, LIMIT).unwrap(), input);
    let limit = input.len() - 1;
    assert_eq!(
        decompress(Codec::Snappy, &compressed, limit).unwrap_err(),
        CompressionError::TooLarge {
            codec: Codec::Snappy,
            limit
        }
    );
}

#[test]
fn concatenated_snappy_streams_are_read() {
    let mut compressed = compress(Codec::Snappy, None, b"one ").unwrap();
    assert!(compressed.starts_with(b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01"));
    compressed.extend(compress(Codec::Snappy, None, b"").unwrap());
    compressed.extend(compress(Codec::Snappy, None, b"two").unwrap());
    assert_eq!(decompress(Codec::Snappy, &compressed, LIMIT).unwrap(), b"one two");
}

#[test]
fn a_snappy_block_that_declares_too_much_is_refused() {
    // 4 GiB - 1 declared, nothing there.
    let read = decompress(Codec::Snappy, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0], usize::MAX);
    assert!(matches!(read, Err(CompressionError::Corrupt { .. })), "{read:?}");
}

#[test]
fn lz4_frames_that_java_refuses_are_refused() {
    let good = compress(Codec::Lz4, None, b"good").unwrap();
    assert_eq!(decompress(Codec::Lz4, &good, LIMIT).unwrap(), b"good");
    let header = |flg: u8, bd: u8| {
        let mut frame = good.clone();
        frame[4] = flg;
        frame[5] = bd;
        frame[6] = twox_hash::XxHash32::oneshot(0, &[flg, bd]).to_le_bytes()[1];
        decompress(Codec::Lz4, &frame, LIMIT)
    };
    assert!(header(0x60, 0x40).is_ok());
    assert!(header(0x60, 0x70).is_ok());
    assert!(header(0x64, 0x40).is_ok(), "a content checksum is not looked at");
    for (flg, bd) in [
        (0x40, 0x40),
        (0xa0, 0x40),
        (0x61, 0x40),
        (0x62, 0x40),
        (0x60, 0x30),
        (0x60, 0xc0),
        (0x60, 0x41),
    ] {
        assert!(header(flg, bd).is_err(), "{flg:#x} {bd:#x}");
    }
    let mut frame = good.clone();
    frame[6] ^= 1;
    assert!(decompress(Codec::Lz4, &frame, LIMIT).is_err());
}

#[test]
fn lz4_block_checksums_and_content_sizes_are_read() {
    let mut frame = vec![0x04, 0x22, 0x4D, 0x18, 0x78, 0x40];
    frame.extend(4u64.to_le_bytes());
    frame.push(twox_hash::XxHash32::oneshot(0, &frame[4..]).to_le_bytes()[1]);
    frame.extend((4u32 | 1 << 31).to_le_bytes());
    frame.extend(b"good");
    frame.extend(twox_hash::XxHash32::oneshot(0, b"good").to_le_bytes());
    frame.extend([0; 4]);
    assert_eq!(decompress(Codec::Lz4, &frame, LIMIT).unwrap(), b"good");
    let block = frame.len() - 12;
    frame[block] ^= 1;
    assert!(decompress(Codec::Lz4, &frame, LIMIT).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for codec in Codec::ALL {
            let _ = decompress(codec, &bytes, 10_000);
        }
    }

    #[test]
    fn damaged_data_is_read_without_a_panic(
        input in proptest::collection::vec(0u8..4, 0..3000),
        at in any::<proptest::sample::Index>(),
        flip in 1u8..,
    ) {
        for codec in Codec::ALL {
            let mut compressed = compress(codec, None, &input).unwrap();
            if !compressed.is_empty() {
                let at = at.index(compressed.len());
                compressed[at] ^= flip;
            }
            if let Ok(read) = decompress(codec, &compressed, 10_000) {
                prop_assert!(read.len() <= 10_000);
            }
        }
    }
}
