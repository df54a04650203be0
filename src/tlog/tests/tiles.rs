//! Tiles, their paths and bundles: the specification's examples, round trips, and what must be refused.

use proptest::prelude::*;

use super::*;

fn tile(level: u8, n: u64, width: u16) -> TilePath {
    TilePath::Tile(TileCoordinates::new(level, n, width).unwrap())
}

fn entries(n: u64, width: u16) -> TilePath {
    TilePath::Entries(BundleCoordinates::new(n, width).unwrap())
}

#[test]
fn paths_are_spelt_as_c2sp_says() {
    for (path, parsed) in [
        ("tile/0/000", tile(0, 0, 256)),
        ("tile/0/x001/x234/067", tile(0, 1_234_067, 256)),
        ("tile/0/x001/x234/067.p/1", tile(0, 1_234_067, 1)),
        ("tile/63/999.p/255", tile(63, 999, 255)),
        ("tile/1/x001/000", tile(1, 1_000, 256)),
        ("tile/entries/x123/456.p/7", entries(123_456, 7)),
        ("tile/0/x036/x028/x797/x018/x963/967", tile(0, tile::MAX_TILE_NUMBER, 256)),
    ] {
        assert_eq!(TilePath::parse(path), Ok(parsed));
        assert_eq!(parsed.to_string(), path);
    }
}

#[test]
fn paths_with_a_second_spelling_or_out_of_bounds_are_refused() {
    for path in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/000/",
        "tile//000",
        "tile/0//000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/256/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/00a",
        "tile/0/x000",
        "tile/0/x000/001",
        "tile/0/000/001",
        "tile/0/x001",
        "tile/0/x1/000",
        "tile/0/X001/000",
        "tile/0/x001/x000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/000.p/+1",
        "tile/0/٠٠٠",
        "tile/entries/",
        "tile/entries/0/000",
        "tile/Entries/000",
        "tile/data/000",
        "tile/0/../000",
        "tile/0/x036/x028/x797/x018/x963/968",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/0/000\n",
        "tile/0/x001/x001/x001/x001/x001/x001/x001/x001/x001/x001/x001/x001/001",
    ] {
        assert!(TilePath::parse(path).is_err(), "{path:?}");
    }
}

#[test]
fn coordinates_out_of_bounds_are_refused() {
    assert_eq!(TileCoordinates::new(64, 0, 1), Err(TileError::Level { level: 64 }));
    assert_eq!(TileCoordinates::new(0, 0, 0), Err(TileError::Width { width: 0 }));
    assert_eq!(TileCoordinates::new(0, 0, 257), Err(TileError::Width { width: 257 }));
    assert_eq!(TileCoordinates::new(0, u64::MAX, 1), Err(TileError::Number { n: u64::MAX }));
    assert_eq!(BundleCoordinates::new(u64::MAX, 1), Err(TileError::Number { n: u64::MAX }));
}

#[test]
fn a_tree_of_70000_leaves_has_the_tiles_of_the_specification() {
    let all: Vec<_> = tiles_for_size(0, 70_000).map(|tile| (tile.level(), tile.is_partial(), tile.width())).collect();
    let count = |level, partial| all.iter().filter(|tile| (tile.0, tile.1) == (level, partial)).count();
    assert_eq!((count(0, false), count(0, true)), (273, 1));
    assert_eq!((count(1, false), count(1, true)), (1, 1));
    assert_eq!((count(2, false), count(2, true)), (0, 1));
    assert_eq!(all.len(), 277);
    let partial: Vec<_> = partial_tiles(70_000).map(|tile| tile.to_string()).collect();
    assert_eq!(partial, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
    // "a tree of size 256 will be represented by a full level 0 tile and a partial level 1 tile of width 1"
    let small: Vec<_> = tiles_for_size(0, 256).map(|tile| tile.to_string()).collect();
    assert_eq!(small, ["tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(tiles_for_size(256, 256).count(), 0);
    assert_eq!(tiles_for_size(300, 256).count(), 0);
    assert_eq!(partial_tiles(0).count(), 0);
    assert_eq!(partial_tiles(MAX_TREE_SIZE).count(), 8);
}

#[test]
fn a_tile_exists_when_the_tree_has_all_its_leaves() {
    let tile = TileCoordinates::new(1, 1, 17).unwrap();
    assert!(tile.exists_in(70_000));
    assert!(tile.exists_in((256 + 17) * 256));
    assert!(!tile.exists_in((256 + 17) * 256 - 1));
    assert!(!TileCoordinates::new(8, 0, 1).unwrap().exists_in(u64::MAX));
    let bundle = BundleCoordinates::new(3, 5).unwrap();
    assert_eq!(bundle.first_index(), 768);
    assert!(bundle.exists_in(773) && !bundle.exists_in(772));
}

#[test]
fn tile_bytes_of_another_length_are_refused() {
    let hashes = leaves(3);
    let bytes = encode_tile(&hashes);
    assert_eq!(bytes.len(), 96);
    assert_eq!(decode_tile(&bytes, 3), Ok(hashes));
    for (bytes, width) in [(&bytes[..95], 3), (&bytes[..], 2), (&bytes[..], 4), (&bytes[..0], 1)] {
        let expected = usize::from(width) * 32;
        assert_eq!(decode_tile(bytes, width), Err(TileError::Length { width, expected, actual: bytes.len() }));
    }
    assert_eq!(decode_tile(&[], 0), Err(TileError::Width { width: 0 }));
    assert_eq!(decode_tile(&[0; 257 * 32], 257), Err(TileError::Width { width: 257 }));
}

#[test]
fn bundles_cut_or_padded_are_refused() {
    let bytes = encode_bundle(&[&b"abc"[..], b"", b"de"]).unwrap();
    assert_eq!(bytes, b"\x00\x03abc\x00\x00\x00\x02de");
    assert_eq!(decode_bundle(&bytes, 3).unwrap(), [&b"abc"[..], b"", b"de"]);
    for cut in 0..bytes.len() {
        assert!(matches!(decode_bundle(&bytes[..cut], 3), Err(BundleError::Truncated { .. })), "cut at {cut}");
    }
    assert_eq!(decode_bundle(&bytes, 2), Err(BundleError::Trailing { actual: 4 }));
    assert_eq!(decode_bundle(&bytes, 4), Err(BundleError::Truncated { position: 3 }));
    assert_eq!(decode_bundle(&bytes, 0), Err(BundleError::Width { actual: 0 }));
    assert_eq!(decode_bundle(&bytes, 257), Err(BundleError::Width { actual: 257 }));
    assert_eq!(encode_bundle::<Vec<u8>>(&[]), Err(BundleError::Width { actual: 0 }));
    assert_eq!(encode_bundle(&vec![b""; 257]), Err(BundleError::Width { actual: 257 }));
    let longest = vec![0; bundle::MAX_ENTRY_BYTES + 1];
    assert_eq!(
        encode_bundle(&[&longest[..0], &longest]),
        Err(BundleError::EntryTooLong { position: 1, actual: 65_536 })
    );
    assert_eq!(encode_bundle(&[&longest[1..]]).unwrap().len(), 65_537);
}

#[test]
fn nodes_read_from_published_tiles_are_those_of_the_tree() {
    for size in [1, 255, 256, 257, 1_000, 65_535, 65_536, 65_800] {
        let mut edge = Edge::new();
        (0..size).for_each(|index| edge.push(leaf(index)));
        let tiles = TileMap::published(&mut edge);
        let nodes = TileNodes::new(size, &tiles);
        assert_eq!(root(size, &nodes).unwrap(), edge.root());
        for index in (0..size).step_by(501).chain([size - 1]) {
            let proof = inclusion_proof(index, size, &nodes).unwrap();
            verify_inclusion(&leaf(index), index, size, &proof, &edge.root()).unwrap();
        }
    }
}

#[test]
fn a_tile_too_narrow_is_an_error_not_a_wrong_root() {
    let mut edge = Edge::new();
    (0..600).for_each(|index| edge.push(leaf(index)));
    let mut tiles = TileMap::published(&mut edge);
    tiles.0.get_mut(&(0, 2)).unwrap().pop();
    let error = root(600, &TileNodes::new(600, &tiles)).unwrap_err();
    assert_eq!(error, ProveError::Nodes(NodeError::TileTooNarrow { level: 0, n: 2, expected: 88, actual: 87 }));
}

#[test]
fn the_root_of_a_full_tile_stands_in_the_tile_above() {
    let hashes = leaves(256);
    assert_eq!(full_tile_root(&hashes), Some(mth(&hashes)));
    assert_eq!(full_tile_root(&hashes[1..]), None);
    assert_eq!(full_tile_root(&leaves(257)), None);
}

proptest! {
    #[test]
    fn a_path_parses_back(level in 0_u8..64, n in 0..=tile::MAX_TILE_NUMBER, small in 0_u64..2_000_000, width in 1_u16..=256) {
        for path in [tile(level, n, width), tile(level, small, width), entries(n, width), entries(small, width)] {
            prop_assert_eq!(TilePath::parse(&path.to_string()), Ok(path));
        }
    }

    #[test]
    fn what_parses_as_a_path_has_no_other_spelling(path in "tile/(entries|[0-9]{1,2})/(x[0-9]{3}/){0,2}[0-9]{3}(\\.p/[0-9]{1,3})?") {
        if let Ok(parsed) = TilePath::parse(&path) {
            prop_assert_eq!(parsed.to_string(), path);
        }
    }

    #[test]
    fn a_bundle_decodes_back(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..=256)) {
        let bytes = encode_bundle(&entries).unwrap();
        let width = u16::try_from(entries.len()).unwrap();
        prop_assert_eq!(decode_bundle(&bytes, width).unwrap(), entries.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }

    #[test]
    fn hostile_bundles_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), width: u16) {
        if let Ok(entries) = decode_bundle(&bytes, width) {
            prop_assert_eq!(encode_bundle(&entries).unwrap(), bytes);
        }
    }
}
