//! Picks the values at a few JSON pointers (RFC 6901) out of a document while it is read. Pure.
//!
//! No tree of the document is built: what nobody asked for is checked and skipped, so that a payload costs no more memory than what is
//! wanted of it, however it is made.

use std::{borrow::Cow, fmt};

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// What stands at a pointer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Found<'d> {
    #[default]
    Nothing,
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'d, str>),
    /// An object or an array.
    Nested,
}

/// A few pointers, each with a slot for what is found there.
#[derive(Clone, Debug)]
pub(super) struct Picker {
    nodes: Vec<Node>,
    slots: usize,
}

#[derive(Clone, Debug, Default)]
struct Node {
    slot: Option<usize>,
    /// The nodes below, sorted by name,
    names: Vec<(Box<str>, usize)>,
    /// and those whose name can be a place in an array, sorted by it.
    places: Vec<(usize, usize)>,
}

/// An array of which every element is read by a picker of its own.
pub(super) struct Each<'e, 'd> {
    /// Where it stands, from [`Picker::place`] of the document's picker.
    pub(super) at: usize,
    pub(super) picker: &'e Picker,
    /// Takes the slots of an element; the reason to stop at this one, if there is any.
    pub(super) take: &'e mut dyn FnMut(&[Found<'d>]) -> Result<(), &'static str>,
}

impl Picker {
    pub(super) fn new() -> Self {
        Self {
            nodes: vec![Node::default()],
            slots: 0,
        }
    }

    /// The slot for what stands at this pointer. A pointer that was there before has the same slot.
    pub(super) fn slot(&mut self, pointer: &str) -> usize {
        let node = self.place(pointer);
        let slots = &mut self.slots;
        *self.nodes[node].slot.get_or_insert_with(|| {
            *slots += 1;
            *slots - 1
        })
    }

    /// The place of a pointer.
    pub(super) fn place(&mut self, pointer: &str) -> usize {
        let mut node = 0;
        for part in pointer.split('/').skip(1) {
            let name = part.replace("~1", "/").replace("~0", "~");
            let next = self.nodes.len();
            let parent = &mut self.nodes[node];
            node = match parent.by_name(&name) {
                Ok(below) => below,
                Err(at) => {
                    let place = name.parse().ok();
                    if let Some(place) = place.filter(|place: &usize| place.to_string() == name) {
                        parent.places.push((place, next));
                        parent.places.sort_unstable();
                    }
                    parent.names.insert(at, (name.into(), next));
                    self.nodes.push(Node::default());
                    next
                }
            };
        }
        node
    }

    /// Reads a document into slots.
    ///
    /// # Errors
    /// When it is not JSON, or `each` says why not to go on.
    pub(super) fn read<'d>(
        &self,
        text: &'d str,
        each: Option<Each<'_, 'd>>,
    ) -> Result<Vec<Found<'d>>, serde_json::Error> {
        let mut row = vec![Found::Nothing; self.slots];
        let mut element = Vec::new();
        let mut each = each.map(|each| Running {
            row: {
                element.resize(each.picker.slots, Found::Nothing);
                &mut element
            },
            each,
        });
        let mut reader = serde_json::Deserializer::from_str(text);
        let at = At {
            picker: self,
            node: 0,
            row: &mut row,
            each: each.as_mut(),
        };
        at.deserialize(&mut reader)?;
        reader.end()?;
        Ok(row)
    }

    /// A member that comes twice counts as it comes last, with all that is below it.
    fn forget(&self, node: usize, row: &mut [Found<'_>]) {
        if let Some(slot) = self.nodes[node].slot {
            row[slot] = Found::Nothing;
        }
        for (_, below) in &self.nodes[node].names {
            self.forget(*below, row);
        }
    }
}

impl Node {
    fn by_name(&self, name: &str) -> Result<usize, usize> {
        let found = self
            .names
            .binary_search_by(|(known, _)| (**known).cmp(name));
        found.map(|at| self.names[at].1)
    }
}

struct Running<'e, 'd, 'r> {
    each: Each<'e, 'd>,
    row: &'r mut Vec<Found<'d>>,
}

/// A place in the document that is being read.
struct At<'p, 'e, 'd, 'r> {
    picker: &'p Picker,
    node: usize,
    row: &'p mut [Found<'d>],
    each: Option<&'p mut Running<'e, 'd, 'r>>,
}

impl<'d> At<'_, '_, 'd, '_> {
    fn found(self, found: Found<'d>) {
        if let Some(slot) = self.picker.nodes[self.node].slot {
            self.row[slot] = found;
        }
    }

    fn is_each(&self) -> bool {
        let each = self.each.as_ref();
        each.is_some_and(|running| running.each.at == self.node)
    }
}

impl<'d> DeserializeSeed<'d> for At<'_, '_, 'd, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'d>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'d> Visitor<'d> for At<'_, '_, 'd, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, bit: bool) -> Result<(), E> {
        self.found(Found::Bool(bit));
        Ok(())
    }
    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.found(Found::Number(number as f64));
        Ok(())
    }
    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.found(Found::Number(number as f64));
        Ok(())
    }
    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.found(Found::Number(number));
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        self.found(Found::Null);
        Ok(())
    }
    fn visit_borrowed_str<E>(self, text: &'d str) -> Result<(), E> {
        self.found(Found::Text(Cow::Borrowed(text)));
        Ok(())
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        // One with escapes in it is copied only if somebody wants it.
        if self.picker.nodes[self.node].slot.is_some() {
            self.found(Found::Text(Cow::Owned(text.to_owned())));
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'d>>(mut self, mut members: A) -> Result<(), A::Error> {
        let node = &self.picker.nodes[self.node];
        if let Some(slot) = node.slot {
            self.row[slot] = Found::Nested;
        }
        if self.is_each()
            && let Some(running) = self.each.as_deref_mut()
        {
            // A sender with one sample may leave out the array around it.
            running.row.fill(Found::Nothing);
            let element = At {
                picker: running.each.picker,
                node: 0,
                row: running.row,
                each: None,
            };
            element.visit_map(members)?;
            return (running.each.take)(running.row).map_err(A::Error::custom);
        }
        while let Some(below) = members.next_key_seed(Name(node))? {
            let Some(below) = below else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            self.picker.forget(below, self.row);
            members.next_value_seed(At {
                picker: self.picker,
                node: below,
                row: self.row,
                each: self.each.as_deref_mut(),
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'d>>(mut self, mut elements: A) -> Result<(), A::Error> {
        let node = &self.picker.nodes[self.node];
        if let Some(slot) = node.slot {
            self.row[slot] = Found::Nested;
        }
        if self.is_each()
            && let Some(running) = self.each.as_deref_mut()
        {
            loop {
                running.row.fill(Found::Nothing);
                let element = At {
                    picker: running.each.picker,
                    node: 0,
                    row: running.row,
                    each: None,
                };
                if elements.next_element_seed(element)?.is_none() {
                    return Ok(());
                }
                (running.each.take)(running.row).map_err(A::Error::custom)?;
            }
        }
        let mut wanted = node.places.iter().peekable();
        for place in 0.. {
            let more = match wanted.next_if(|(next, _)| *next == place) {
                Some((_, below)) => elements.next_element_seed(At {
                    picker: self.picker,
                    node: *below,
                    row: self.row,
                    each: self.each.as_deref_mut(),
                })?,
                None => elements.next_element::<IgnoredAny>()?.map(|_| ()),
            };
            if more.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// Finds the node below for the name of a member, without a copy of the name.
struct Name<'p>(&'p Node);

impl<'d> DeserializeSeed<'d> for Name<'_> {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'d>>(self, reader: D) -> Result<Option<usize>, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }
    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.by_name(name).ok())
    }
}
