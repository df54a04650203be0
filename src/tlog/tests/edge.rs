//! The growing edge: against the definition, across tile boundaries, and restored.

use super::*;

fn grown(size: u64) -> Edge {
    let mut edge = Edge::new();
    (0..size).for_each(|index| edge.push(leaf(index)));
    edge
}

fn restored(edge: &Edge) -> Edge {
    let levels = (0..8).take_while(|level| edge.size() >> (8 * level) > 0).count();
    let partial: Vec<Vec<Hash>> =
        (0..levels).map(|level| edge.partial(u8::try_from(level).unwrap()).to_vec()).collect();
    Edge::restore(edge.size(), &partial).unwrap()
}

#[test]
fn edge_has_the_root_of_the_definition_at_every_small_size() {
    let all = leaves(600);
    let mut edge = Edge::new();
    for size in 0..=600_usize {
        assert_eq!(edge.root(), mth(&all[..size]), "at {size}");
        assert_eq!(restored(&edge).root(), edge.root(), "restored at {size}");
        if let Some(leaf) = all.get(size) {
            edge.push(*leaf);
        }
    }
}

#[test]
fn edge_crosses_the_boundary_of_a_level_1_tile() {
    let all = AllNodes::of(leaves(65_538));
    let mut edge = grown(65_534);
    let mut tiles = TileMap::default();
    for size in 65_534..=65_538_u64 {
        assert_eq!(edge.size(), size);
        assert_eq!(edge.root(), root(size, &all).unwrap(), "at {size}");
        let older = restored(&edge);
        edge.push(leaf(size));
        let mut continued = older.clone();
        continued.push(leaf(size));
        assert_eq!(continued.root(), edge.root(), "continued from {size}");
        tiles.keep(edge.take_completed());
    }
    assert_eq!(tiles.0.len(), 257, "256 tiles of level 0 and one of level 1");
    assert_eq!(edge.partial(2).len(), 1);
    assert_eq!(edge.partial(1).len(), 0);
    assert_eq!(edge.partial(0).len(), 3);
    assert_eq!(edge.partial(7), &[] as &[Hash]);
}

#[test]
fn completed_tiles_are_those_announced_for_the_growth() {
    for (from, to) in [(0, 255), (0, 256), (255, 257), (300, 1_400), (65_000, 65_600)] {
        let mut edge = grown(from);
        edge.take_completed();
        (from..to).for_each(|index| edge.push(leaf(index)));
        let mut completed: Vec<_> = edge.take_completed().iter().map(|tile| (tile.level, tile.n, 256)).collect();
        completed.sort_unstable();
        completed.extend(partial_tiles(to).map(|tile| (tile.level(), tile.n(), edge.partial(tile.level()).len())));
        let announced: Vec<_> =
            tiles_for_size(from, to).map(|tile| (tile.level(), tile.n(), usize::from(tile.width()))).collect();
        assert_eq!(completed, announced, "from {from} to {to}");
    }
}

#[test]
fn fresh_leaves_are_proved_without_reading_anything_back() {
    let mut edge = grown(65_000);
    edge.take_completed();
    (65_000..66_024).for_each(|index| edge.push(leaf(index)));
    let nodes = EdgeNodes::new(&edge, NoReader);
    for index in 65_000..66_024 {
        // Siblings further left, in level-0 tiles handed out before, are the only reason to read.
        let proof = match inclusion_proof(index, edge.size(), &nodes) {
            Err(ProveError::Nodes(NodeError::Reader(_))) if index < 65_024 => continue,
            proof => proof.unwrap(),
        };
        verify_inclusion(&leaf(index), index, edge.size(), &proof, &edge.root()).unwrap();
    }
}

#[test]
fn old_and_new_leaves_are_proved_from_edge_and_full_tiles() {
    let mut edge = grown(66_000);
    let mut tiles = TileMap::default();
    tiles.keep(edge.take_completed());
    (66_000..67_000).for_each(|index| edge.push(leaf(index)));
    let nodes = EdgeNodes::new(&edge, &tiles);
    let all = AllNodes::of(leaves(67_000));
    for index in (0..67_000).step_by(997).chain([255, 256, 65_535, 65_536, 65_999, 66_000, 66_999]) {
        let proof = inclusion_proof(index, 67_000, &nodes).unwrap();
        assert_eq!(proof, inclusion_proof(index, 67_000, &all).unwrap(), "leaf {index}");
    }
    for from in [1, 256, 65_535, 65_536, 65_537, 66_000, 67_000] {
        assert_eq!(consistency_proof(from, 67_000, &nodes).unwrap(), consistency_proof(from, 67_000, &all).unwrap());
        assert_eq!(root(from, &nodes).unwrap(), root(from, &all).unwrap());
    }
}

#[test]
fn nodes_beyond_the_tree_are_refused_and_never_read() {
    let edge = grown(600);
    let nodes = EdgeNodes::new(&edge, NoReader);
    for (level, n) in [(0, 600), (3, 75), (8, 2), (9, 1), (16, 0), (63, 0), (63, 1), (64, 0), (255, u64::MAX)] {
        assert_eq!(nodes.node(level, n), Err(NodeError::NotInTree { level, n, size: 600 }));
        let tiles = TileNodes::new(600, NoReader);
        assert_eq!(tiles.node(level, n), Err(NodeError::NotInTree { level, n, size: 600 }));
    }
    assert!(nodes.node(9, 0).is_ok());
}

#[test]
fn partial_tiles_that_do_not_fit_the_size_are_refused() {
    let hashes = |count: usize| vec![EMPTY_ROOT; count];
    assert_eq!(
        Edge::restore(300, &[hashes(44)]),
        Err(EdgeError::Levels { size: 300, expected: 2, actual: 1 }),
        "a level is missing"
    );
    assert_eq!(
        Edge::restore(300, &[hashes(43), hashes(1)]),
        Err(EdgeError::Width { level: 0, expected: 44, actual: 43 })
    );
    assert_eq!(
        Edge::restore(256, &[hashes(256), hashes(1)]),
        Err(EdgeError::Width { level: 0, expected: 0, actual: 256 })
    );
    assert_eq!(Edge::restore(u64::MAX, &[]), Err(EdgeError::TooLarge { size: u64::MAX }));
    assert_eq!(Edge::restore(0, &[]), Ok(Edge::new()));
}
