use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn it_is_a_sorted_map_and_its_clones_stay_as_they_were(
        changes in vec((any::<bool>(), 0..600u32, any::<u8>()), 0..1500),
        cloned_at in any::<prop::sample::Index>(),
    ) {
        let mut map = SharedMap::default();
        let mut model = BTreeMap::new();
        let mut clones = Vec::new();
        let cloned_at = cloned_at.index(changes.len().max(1));
        for (number, (insert, key, value)) in changes.into_iter().enumerate() {
            if number == cloned_at {
                clones.push((map.clone(), model.clone()));
            }
            if insert || key % 3 > 0 {
                map.insert(key, value);
                model.insert(key, value);
            } else {
                prop_assert_eq!(map.remove(&key), model.remove(&key));
            }
            if let (Some(value), Some(expected)) = (map.get_mut(&(key / 2)), model.get_mut(&(key / 2))) {
                *value = value.wrapping_add(1);
                *expected = expected.wrapping_add(1);
            }
        }
        clones.push((map, model));
        for (map, model) in clones {
            prop_assert_eq!(map.len(), model.len());
            prop_assert!(map.iter().eq(model.iter()));
            prop_assert!((0..600).all(|key| map.get(&key) == model.get(&key)));
            prop_assert!(map.chunks.iter().all(|chunk| (1..=MAX_CHUNK_LEN).contains(&chunk.len())));
            let mut other = SharedMap::default();
            model.iter().rev().for_each(|(key, value)| other.insert(*key, *value));
            prop_assert_eq!(other, map);
        }
    }
}
