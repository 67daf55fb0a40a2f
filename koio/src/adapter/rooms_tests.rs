use super::*;

#[derive(Clone)]
struct One(SocketId, u8);

impl Recipient for One {
    fn id(&self) -> &SocketId {
        &self.0
    }
}

fn target(rooms: &[&str], except: &[&str]) -> Target {
    Target {
        rooms: rooms.iter().copied().map(Room::from).collect(),
        except: except.iter().copied().map(Room::from).collect(),
    }
}

fn three() -> (Rooms<One>, [SocketId; 3]) {
    let rooms = Rooms::default();
    let ids = [1, 2, 3].map(|value| {
        let id = SocketId::random().unwrap();
        rooms.add(One(id, value));
        id
    });
    (rooms, ids)
}

fn chosen(rooms: &Rooms<One>, target: &Target) -> Vec<u8> {
    let chosen = rooms.select(target);
    let mut chosen: Vec<u8> = chosen.iter().map(|one| one.1).collect();
    chosen.sort_unstable();
    chosen
}

#[test]
fn no_room_selects_all_and_an_id_selects_that_member() {
    let (rooms, ids) = three();
    assert_eq!(chosen(&rooms, &target(&[], &[])), [1, 2, 3]);
    assert_eq!(chosen(&rooms, &target(&[ids[1].as_str()], &[])), [2]);
    assert_eq!(chosen(&rooms, &target(&[], &[ids[1].as_str()])), [1, 3]);
    assert_eq!(chosen(&rooms, &target(&["nowhere"], &[])), [0; 0]);
}

#[test]
fn a_member_of_two_rooms_is_chosen_once() {
    let (rooms, ids) = three();
    for room in ["a", "b"] {
        rooms.join(&ids[0], room.into(), 10).unwrap();
    }
    rooms.join(&ids[1], "b".into(), 10).unwrap();
    let own = ids[0].as_str();
    assert_eq!(chosen(&rooms, &target(&["a", "b", own], &[])), [1, 2]);
    assert_eq!(chosen(&rooms, &target(&["a", "b"], &["a"])), [2]);
}

#[test]
fn a_room_ends_with_its_last_member() {
    let (rooms, ids) = three();
    rooms.join(&ids[0], "a".into(), 10).unwrap();
    rooms.join(&ids[0], "a".into(), 10).unwrap();
    rooms.join(&ids[1], "a".into(), 10).unwrap();
    rooms.leave(&ids[0], &"a".into());
    rooms.leave(&ids[0], &"a".into());
    assert_eq!(rooms.remove(&ids[1]), [("a".into(), true)]);
    assert!(rooms.read().rooms.is_empty());
    assert_eq!(rooms.len(), 2);
    assert_eq!(rooms.join(&ids[1], "a".into(), 10), Err(NotJoined::Gone));
}

#[test]
fn tables_shrink_when_all_members_have_left() {
    let rooms = Rooms::default();
    let ids: Vec<_> = (0..1_000).map(|_| SocketId::random().unwrap()).collect();
    for id in &ids {
        rooms.add(One(*id, 0));
        rooms.join(id, id.as_str()[..3].into(), 10).unwrap();
    }
    for id in &ids {
        rooms.remove(id);
    }
    let state = rooms.read();
    assert_eq!(state.members.capacity(), 0);
    assert_eq!(state.all.capacity(), 0);
    assert_eq!(state.rooms.capacity(), 0);
}

#[test]
fn the_number_of_rooms_is_limited() {
    let (rooms, ids) = three();
    rooms.join(&ids[0], "a".into(), 1).unwrap();
    assert_eq!(rooms.join(&ids[0], "b".into(), 1), Err(NotJoined::TooMany));
    assert_eq!(rooms.join(&ids[0], "a".into(), 1), Ok(RoomChange::None));
    assert_eq!(rooms.rooms_of(&ids[0]), ["a".into()]);
}

#[test]
fn all_members_of_a_room_but_one_are_selected() {
    let (rooms, ids) = three();
    for id in &ids {
        rooms.join(id, "a".into(), 10).unwrap();
    }
    let but = |id: &SocketId| target(&["a"], &[id.as_str()]);
    assert_eq!(chosen(&rooms, &but(&ids[0])), [2, 3]);
    assert_eq!(chosen(&rooms, &but(&ids[2])), [1, 2]);
    assert_eq!(
        chosen(&rooms, &but(&SocketId::random().unwrap())),
        [1, 2, 3]
    );
    rooms.leave(&ids[0], &"a".into());
    assert_eq!(chosen(&rooms, &but(&ids[0])), [2, 3]);
    assert_eq!(chosen(&rooms, &but(&ids[2])), [2]);
}

#[test]
fn a_selection_does_not_change_when_members_come_and_go() {
    let (rooms, ids) = three();
    let everybody = rooms.select(&target(&[], &[]));
    rooms.remove(&ids[0]);
    rooms.add(One(SocketId::random().unwrap(), 4));
    let before: Vec<u8> = everybody.iter().map(|one| one.1).collect();
    assert_eq!(before, [1, 2, 3]);
    assert_eq!(chosen(&rooms, &target(&[], &[])), [2, 3, 4]);
}

#[test]
fn memberships_stay_right_through_random_joins_and_leaves() {
    let rooms = Rooms::default();
    let mut model: HashMap<SocketId, (u8, HashSet<&str>)> = HashMap::new();
    let mut random = fastrand::Rng::with_seed(7);
    let mut any = |below: usize| random.usize(..below);
    for step in 0..3_000_u32 {
        let name = ["a", "b", "c", "d"][any(4)];
        let pick = any(model.len().max(1));
        let id = model.keys().nth(pick).copied();
        match (any(8), id) {
            (0, _) | (_, None) => {
                let id = SocketId::random().unwrap();
                let value = u8::try_from(step % 251).unwrap();
                rooms.add(One(id, value));
                model.insert(id, (value, HashSet::new()));
            }
            (1, Some(id)) => {
                let left = rooms.remove(&id).into_iter();
                let left: HashSet<Room> = left.map(|(room, _)| room).collect();
                let (_, expected) = model.remove(&id).unwrap();
                assert_eq!(left, expected.into_iter().map(Room::from).collect());
            }
            (2..=5, Some(id)) => {
                rooms.join(&id, name.into(), 10).unwrap();
                model.get_mut(&id).unwrap().1.insert(name);
            }
            (_, Some(id)) => {
                rooms.leave(&id, &name.into());
                model.get_mut(&id).unwrap().1.remove(name);
            }
        }
        let mut expected: Vec<u8> = model
            .values()
            .filter(|(_, rooms)| rooms.contains(name))
            .map(|(value, _)| *value)
            .collect();
        expected.sort_unstable();
        assert_eq!(chosen(&rooms, &target(&[name], &[])), expected);
    }
    for id in model.into_keys() {
        rooms.remove(&id);
    }
    let state = rooms.read();
    assert!(state.rooms.is_empty() && state.all.is_empty());
}

#[test]
fn the_first_makes_a_room_and_it_is_gone_with_the_last() {
    let (rooms, ids) = three();
    let join = |id| rooms.join(id, "a".into(), 10);
    assert_eq!(join(&ids[0]), Ok(RoomChange::OfRoom));
    assert_eq!(join(&ids[1]), Ok(RoomChange::OfMember));
    assert_eq!(rooms.leave(&ids[0], &"a".into()), RoomChange::OfMember);
    assert_eq!(rooms.leave(&ids[0], &"a".into()), RoomChange::None);
    assert_eq!(rooms.leave(&ids[1], &"a".into()), RoomChange::OfRoom);
    assert_eq!(join(&ids[1]), Ok(RoomChange::OfRoom));
    assert_eq!(join(&ids[0]), Ok(RoomChange::OfMember));
    assert_eq!(rooms.remove(&ids[1]), [("a".into(), false)]);
    assert_eq!(rooms.remove(&ids[0]), [("a".into(), true)]);
}
