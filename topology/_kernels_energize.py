"""Propagation, whole and incremental: arrays in, arrays out, never raise.

All of it stands in one file, because a change in another one would leave compiled code stale in the cache.

`ends_in_block[node >> 8]` counts what can feed a subtree other than through its root: ends of conducting
branches outside the forest, and sources below a root. Where it is zero over a subtree's interval, the subtree
follows from its parent alone. `dirty[node >> 8]` says where `energized` may differ from `reported`.
"""

import numpy as np

from topology.jit import kernel
from topology.masks import Ints, Longs, Masks

BLOCK = 8
CHEAP = 16
"""To flood more nodes than this, and one in 16 of all, takes longer than to join islands."""

FINE = 0
NO_SUCH_BRANCH = 1
GIVEN_TWICE = 2


@kernel
def held_back(energized: Masks, conducting: Masks) -> np.uint8:
    """What 64 nodes have that 64 branches do not conduct. (A fixed length, so that it becomes vector code.)"""
    held = np.uint8(0)
    for k in range(64):
        held = np.uint8(held | np.uint8(energized[k] & np.uint8(~conducting[k])))
    return held


@kernel
def hold_back(energized: Masks, conducting: Masks, held: Masks) -> None:
    """What each of 64 nodes has that its branch does not conduct."""
    for k in range(64):
        held[k] = energized[k] & np.uint8(~conducting[k])


@kernel
def next_set(masks: Masks, first: int) -> int:
    """The first index from `first` on where a mask is not 0, or their count; eight at a time."""
    whole = masks.size // 8 * 8
    words = masks[:whole].view(np.uint64)
    at = first
    while at < masks.size:
        if at % 8 == 0:
            word = at // 8
            while word < words.size and not words[word]:
                word += 1
            at = 8 * word
            if at >= masks.size:
                return masks.size
        if masks[at]:
            return at
        at += 1
    return masks.size


@kernel
def uniform(masks: Masks, limit: int) -> bool:
    """Whether all masks, at least one, have the same phases of `limit`; eight at a time."""
    every = np.uint64(0x0101010101010101)
    first = np.uint64(masks[0]) * every
    stray = np.uint64(0)
    whole = masks.size // 8 * 8
    for word in masks[:whole].view(np.uint64):
        stray |= word ^ first
    for at in range(whole, masks.size):
        stray |= np.uint64(masks[at] ^ masks[0])
    return not stray & np.uint64(limit) * every


@kernel
def sweep(
    lo: int, hi: int, straight: Ints, parent_branch: Ints, end: Ints, conducting: Masks, energized: Masks
) -> None:
    """Energise nodes lo .. hi-1, whole subtrees, along the forest; they hold what their root has on entry.

    Only branches that hold a phase back cost anything: each fills its subtree anew, which a node sees at most
    once a phase. Everything else is a comparison of two streams of bytes, or, where runs are short, of single ones.
    """
    held = np.empty(64, np.uint8)
    words = held.view(np.uint64)
    segment = int(np.searchsorted(straight, lo, "right")) - 1
    node = lo
    while node < hi:
        while straight[segment + 1] <= node:
            segment += 1
        chunk = min(node + 64, hi)
        shift = parent_branch[node] - node
        if chunk == node + 64 and chunk <= straight[segment + 1] and parent_branch[node] >= 0:
            if held_back(energized[node:chunk], conducting[node + shift : chunk + shift]):
                hold_back(energized[node:chunk], conducting[node + shift : chunk + shift], held)
                for word in range(8):
                    if words[word]:
                        for k in range(node + 8 * word, node + 8 * word + 8):
                            mask = energized[k] & conducting[k + shift]
                            if mask != energized[k]:
                                energized[k : end[k]] = mask
        else:
            for k in range(node, chunk):
                branch = parent_branch[k]
                if branch >= 0:
                    mask = energized[k] & conducting[branch]
                    if mask != energized[k]:
                        energized[k : end[k]] = mask
        node = chunk


@kernel
def flood(
    start: int,
    parent: Ints,
    parent_branch: Ints,
    end: Ints,
    chord_ptr: Ints,
    chord_end_branch: Ints,
    u: Ints,
    v: Ints,
    conducting: Masks,
    energized: Masks,
    dirty: Masks,
    budget: int,
) -> int:
    """Spread what a node has until nothing gains a phase, marking the blocks of what did.

    Down the forest by intervals, in which whatever gains nothing is skipped with its subtree; from the ends
    of chords and up the forest node by node. Returns what is left of the budget, which each node that gains costs
    one of, and each place to go on from; gives up below 0, which leaves the rest undone.
    """
    stack = np.empty(256, np.int32)
    stack[0] = start
    size = 1
    while size and budget >= 0:
        size -= 1
        budget -= 1
        top = stack[size]
        node = top
        stop = end[top]
        while node < stop:
            if node == top:
                above = parent[top]
                if above >= 0:
                    gained = energized[top] & conducting[parent_branch[top]] & ~energized[above]
                    if gained:
                        energized[above] |= gained
                        dirty[above >> BLOCK] = 1
                        if size == stack.size:
                            stack = longer(stack)
                        stack[size] = above
                        size += 1
            else:
                gained = energized[parent[node]] & conducting[parent_branch[node]] & ~energized[node]
                if not gained:
                    node = end[node]
                    continue
                energized[node] |= gained
                dirty[node >> BLOCK] = 1
                budget -= 1
            for i in range(chord_ptr[node], chord_ptr[node + 1]):
                branch = chord_end_branch[i]
                far = u[branch] + v[branch] - node
                gained = energized[node] & conducting[branch] & ~energized[far]
                if gained:
                    energized[far] |= gained
                    dirty[far >> BLOCK] = 1
                    if size == stack.size:
                        stack = longer(stack)
                    stack[size] = far
                    size += 1
            node += 1
    return budget


@kernel
def longer(stack: Ints) -> Ints:
    """The same with room for more."""
    grown = np.empty(4 * stack.size, np.int32)
    grown[: stack.size] = stack
    return grown


@kernel
def alike(masks: Masks, one: int, other: int) -> bool:
    """Whether every mask has both phases, or neither."""
    differs = 0
    for mask in masks:
        differs |= ((mask & one) != 0) ^ ((mask & other) != 0)
    return not differs


@kernel
def join(
    phase: int,
    phases: int,
    parent: Ints,
    parent_branch: Ints,
    chord: Ints,
    u: Ints,
    v: Ints,
    conducting: Masks,
    sources: Masks,
    energized: Masks,
) -> None:
    """Energise every island of one phase that has a source, in all of the phases that are like it.

    Union-find, linked to the lower number, of what hangs together along the forest.
    """
    root = np.empty(parent.size, np.int32)
    for node in range(parent.size):
        closed = parent[node] >= 0 and conducting[parent_branch[node]] & phase
        root[node] = root[parent[node]] if closed else node
    for branch in chord:
        if conducting[branch] & phase:
            a = root[u[branch]]
            b = root[v[branch]]
            while root[a] != a:
                root[a] = root[root[a]]
                a = root[a]
            while root[b] != b:
                root[b] = root[root[b]]
                b = root[b]
            root[max(a, b)] = min(a, b)
    for node in range(parent.size):
        root[node] = root[root[node]]
    node = next_set(sources, 0)
    while node < parent.size:
        if sources[node] & phase:
            energized[root[node]] |= phases
        node = next_set(sources, node + 1)
    for node in range(parent.size):
        energized[node] |= energized[root[node]] & phases


@kernel
def energize_all(
    parent: Ints,
    parent_branch: Ints,
    end: Ints,
    straight: Ints,
    chord: Ints,
    chord_ptr: Ints,
    chord_end_branch: Ints,
    u: Ints,
    v: Ints,
    conducting: Masks,
    sources: Masks,
    energized: Masks,
    dirty: Masks,
) -> None:
    """The whole network: a sweep down the forest, then a flood from whatever conducts or feeds outside it.

    Where floods would go far, islands are joined instead. dirty has room for every block; what it holds means
    nothing here.
    """
    root = 0
    while root < parent.size:
        own = sources[root] & np.uint8(7)
        energized[root : end[root]] = own
        root = end[root]
    sweep(0, parent.size, straight, parent_branch, end, conducting, energized)
    budget = CHEAP + parent.size // 16
    node = next_set(sources, 0)
    while node < parent.size and budget >= 0:
        gained = sources[node] & ~energized[node] & np.uint8(7)
        if gained:
            top = node
            while parent[top] >= 0 and gained & conducting[parent_branch[top]] == gained:
                top = parent[top]
            if next_set(energized[top : end[top]], 0) == end[top] - top:
                energized[top : end[top]] = gained
                sweep(top + 1, end[top], straight, parent_branch, end, conducting, energized)
            else:
                top = node
                energized[node] |= gained
            budget = flood(
                top, parent, parent_branch, end, chord_ptr, chord_end_branch, u, v, conducting, energized, dirty, budget
            )
        node = next_set(sources, node + 1)
    for branch in chord:
        if budget < 0:
            break
        if (energized[u[branch]] ^ energized[v[branch]]) & conducting[branch] & np.uint8(7):
            for node in (u[branch], v[branch]):
                budget = flood(
                    node,
                    parent,
                    parent_branch,
                    end,
                    chord_ptr,
                    chord_end_branch,
                    u,
                    v,
                    conducting,
                    energized,
                    dirty,
                    budget,
                )
    if budget < 0:
        left = 7
        for phase in (1, 2, 4):
            phases = left & phase
            for other in (2, 4):
                if phases and other > phase and alike(conducting, phase, other) and alike(sources, phase, other):
                    phases |= left & other
            if phases:
                join(phase, phases, parent, parent_branch, chord, u, v, conducting, sources, energized)
            left &= ~phases


@kernel
def feeds_below_a_root(parent: Ints, sources: Masks) -> bool:
    """Whether a source lies at a node that has a parent."""
    node = next_set(sources, 0)
    while node < parent.size:
        if sources[node] & 7 and parent[node] >= 0:
            return True
        node = next_set(sources, node + 1)
    return False


@kernel
def count_ends(
    parent: Ints, parent_branch: Ints, chord: Ints, u: Ints, v: Ints, conducting: Masks, sources: Masks
) -> Ints:
    """What feeds each block of 256 nodes from the side, see above."""
    ends_in_block = np.zeros((parent.size >> BLOCK) + 1, np.int32)
    for branch in chord:
        if conducting[branch] & 7 and u[branch] != v[branch]:
            ends_in_block[u[branch] >> BLOCK] += 1
            ends_in_block[v[branch] >> BLOCK] += 1
    for node in range(parent.size):
        if sources[node] & 7 and parent[node] >= 0:
            ends_in_block[node >> BLOCK] += 1
    return ends_in_block


@kernel
def follows_parent(
    child: int,
    straight: Ints,
    parent: Ints,
    parent_branch: Ints,
    end: Ints,
    conducting: Masks,
    energized: Masks,
    ends_in_block: Ints,
    dirty: Masks,
) -> bool:
    """If nothing feeds the subtree of `child` from the side, derive it anew from its parent and say so."""
    first = child >> BLOCK
    last = (end[child] - 1) >> BLOCK
    for block in range(first, last + 1):
        if ends_in_block[block]:
            return False
    mask = energized[parent[child]] & conducting[parent_branch[child]]
    if mask != energized[child]:
        energized[child : end[child]] = mask
        sweep(child, end[child], straight, parent_branch, end, conducting, energized)
        for block in range(first, last + 1):
            dirty[block] = 1
    return True


@kernel
def lose(
    a: int,
    b: int,
    at_risk: int,
    indptr: Longs,
    adjacent_node: Ints,
    adjacent_branch: Ints,
    conducting: Masks,
    sources: Masks,
    energized: Masks,
    seen: Masks,
    dirty: Masks,
) -> None:
    """A branch a-b, opened already, has lost phases: search from both of its ends in step.

    Phases in which the searches meet, or both find a source, lose nothing. A side that runs dry without a
    source is dead in the phases left. Everything about side `s` is shifted by `3 s` bits in `seen`.
    """
    node_stack = np.empty((2, 256), np.int32)
    mask_stack = np.empty((2, 256), np.uint8)
    size = np.zeros(2, np.int64)
    visited = np.empty((2, 256), np.int32)
    visits = np.zeros(2, np.int64)
    found = np.zeros(2, np.int64)
    undecided = at_risk
    for side in range(2):
        start = b if side else a
        node_stack[side, 0] = start
        mask_stack[side, 0] = at_risk
        size[side] = 1
        visited[side, 0] = start
        visits[side] = 1
        seen[start] |= at_risk << 3 * side
        found[side] = sources[start] & at_risk
    undecided &= ~(found[0] & found[1])
    side = 1
    while undecided:
        side = 1 - side
        if not undecided & ~found[side]:
            side = 1 - side  # this side has all the sources it needs
        if size[side] == 0:
            dead = undecided & ~found[side]
            if dead:
                for i in range(visits[side]):
                    node = visited[side, i]
                    lost = seen[node] >> 3 * side & dead
                    if lost:
                        energized[node] &= ~lost
                        dirty[node >> BLOCK] = 1
                undecided &= ~dead
            continue
        size[side] -= 1
        near = node_stack[side, size[side]]
        mask = mask_stack[side, size[side]] & undecided & ~found[side]
        if not mask:
            continue
        # The parent branch comes first, so that from the end of the stack the search climbs to a source.
        for i in range(indptr[near + 1] - 1, indptr[near] - 1, -1):
            through = mask & conducting[adjacent_branch[i]]
            if not through:
                continue
            far = adjacent_node[i]
            fresh = through & ~(seen[far] >> 3 * side)
            if not fresh:
                continue
            undecided &= ~(fresh & seen[far] >> 3 * (1 - side))
            found[side] |= fresh & sources[far]
            undecided &= ~(found[0] & found[1])
            if not seen[far] >> 3 * side & 7:
                if visits[side] == visited.shape[1]:
                    more = np.empty((2, 4 * visited.shape[1]), np.int32)
                    more[:, : visited.shape[1]] = visited
                    visited = more
                visited[side, visits[side]] = far
                visits[side] += 1
            seen[far] |= fresh << 3 * side
            if size[side] == node_stack.shape[1]:
                more_nodes = np.empty((2, 4 * node_stack.shape[1]), np.int32)
                more_nodes[:, : node_stack.shape[1]] = node_stack
                more_masks = np.empty((2, 4 * node_stack.shape[1]), np.uint8)
                more_masks[:, : node_stack.shape[1]] = mask_stack
                node_stack = more_nodes
                mask_stack = more_masks
            node_stack[side, size[side]] = far
            mask_stack[side, size[side]] = fresh
            size[side] += 1
    for side in range(2):
        for i in range(visits[side]):
            seen[visited[side, i]] = 0


@kernel
def differing(now: Masks, then: Masks) -> np.uint8:
    """Phases in which any of 64 nodes changed. (A fixed length, so that it becomes vector code.)"""
    differs = np.uint8(0)
    for k in range(64):
        differs = np.uint8(differs | np.uint8(now[k] ^ then[k]))
    return differs


@kernel
def strays(now: Masks, then: Masks, new: int, old: int) -> np.uint8:
    """Zero if all of 64 nodes went from `old` to `new`."""
    stray = np.uint8(0)
    for k in range(64):
        stray = np.uint8(stray | np.uint8(now[k] ^ np.uint8(new)) | np.uint8(then[k] ^ np.uint8(old)))
    return stray


@kernel
def report(energized: Masks, reported: Masks, dirty: Masks) -> tuple[Ints, Ints, Masks, Masks]:
    """Maximal runs where the dirty blocks differ from what was reported last; they are clean then."""
    lo = np.empty(16, np.int32)
    hi = np.empty(16, np.int32)
    before = np.empty(16, np.uint8)
    after = np.empty(16, np.uint8)
    count = 0
    block = next_set(dirty, 0)
    while block < dirty.size:
        dirty[block] = 0
        for start in range(block << BLOCK, min((block + 1) << BLOCK, energized.size), 64):
            stop = min(start + 64, energized.size)
            if stop == start + 64:
                now = energized[start:stop]
                then = reported[start:stop]
                if not differing(now, then):
                    continue
                goes_on = count and hi[count - 1] == start
                if goes_on and not strays(now, then, after[count - 1], before[count - 1]):
                    hi[count - 1] = stop
                    reported[start:stop] = now
                    continue
            for node in range(start, stop):
                old = reported[node]
                new = energized[node]
                if old == new:
                    continue
                reported[node] = new
                if count and hi[count - 1] == node and before[count - 1] == old and after[count - 1] == new:
                    hi[count - 1] = node + 1
                    continue
                if count == lo.size:
                    more_lo = np.empty(4 * count, np.int32)
                    more_lo[:count] = lo
                    lo = more_lo
                    more_hi = np.empty(4 * count, np.int32)
                    more_hi[:count] = hi
                    hi = more_hi
                    more_before = np.empty(4 * count, np.uint8)
                    more_before[:count] = before
                    before = more_before
                    more_after = np.empty(4 * count, np.uint8)
                    more_after[:count] = after
                    after = more_after
                lo[count] = node
                hi[count] = node + 1
                before[count] = old
                after[count] = new
                count += 1
        block = next_set(dirty, block + 1)
    return lo[:count].copy(), hi[:count].copy(), before[:count].copy(), after[:count].copy()


@kernel
def check_operations(branches: Ints, branch_count: int) -> tuple[int, int]:
    """FINE, or what is wrong with the branches to operate and the first one that is."""
    for branch in branches:
        if branch < 0 or branch >= branch_count:
            return NO_SUCH_BRANCH, branch
    if branches.size > 1:
        ordered = np.sort(branches)
        for i in range(1, ordered.size):
            if ordered[i] == ordered[i - 1]:
                return GIVEN_TWICE, ordered[i]
    return FINE, 0


@kernel
def operate(
    branches: Ints,
    masks: Masks,
    straight: Ints,
    parent: Ints,
    parent_branch: Ints,
    end: Ints,
    chord_ptr: Ints,
    chord_end_branch: Ints,
    u: Ints,
    v: Ints,
    indptr: Longs,
    adjacent_node: Ints,
    adjacent_branch: Ints,
    conducting: Masks,
    sources: Masks,
    energized: Masks,
    reported: Masks,
    ends_in_block: Ints,
    seen: Masks,
    dirty: Masks,
) -> tuple[Ints, Ints, Masks, Masks]:
    """Give branches new masks, closing before opening, each once; returns the changed runs."""
    for opening in range(2):
        for i in range(branches.size):
            branch = branches[i]
            old = conducting[branch]
            new = old & masks[i] if opening else old | masks[i]
            if new == old:
                continue
            conducting[branch] = new
            a = u[branch]
            b = v[branch]
            if a == b:
                continue
            child = max(a, b)
            in_forest = parent_branch[child] == branch
            if not in_forest:
                change = (1 if new & 7 else 0) - (1 if old & 7 else 0)
                ends_in_block[a >> BLOCK] += change
                ends_in_block[b >> BLOCK] += change
            both = energized[a] & energized[b]
            either = energized[a] | energized[b]
            at_risk = both & old & ~new
            gained = either & ~both & new
            if not at_risk | gained:
                continue
            if in_forest and follows_parent(
                child, straight, parent, parent_branch, end, conducting, energized, ends_in_block, dirty
            ):
                continue
            if opening:
                lose(
                    a,
                    b,
                    int(at_risk),
                    indptr,
                    adjacent_node,
                    adjacent_branch,
                    conducting,
                    sources,
                    energized,
                    seen,
                    dirty,
                )
            else:
                for near in (a, b):
                    flood(
                        near,
                        parent,
                        parent_branch,
                        end,
                        chord_ptr,
                        chord_end_branch,
                        u,
                        v,
                        conducting,
                        energized,
                        dirty,
                        8 * parent.size,
                    )
    return report(energized, reported, dirty)
