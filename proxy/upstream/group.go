package upstream

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// MaxMembers is how many upstreams a route can have.
const MaxMembers = 16

// A Group is the upstreams of a route that has several, and how one is chosen for a
// request. It does not change.
type Group struct {
	Members []Member
	// Sticky has the requests of one caller go to one upstream, as long as that may be
	// asked; else each goes where chance will have it.
	Sticky bool
	// OnConnect, OnStatus429 and OnStatus503 say which failures move a request to another
	// member.
	OnConnect, OnStatus429, OnStatus503 bool
	// BodyHead is how large a body is kept so that it can be moved.
	BodyHead int64
	// Salt makes callers fall elsewhere in another group. Replicas have the same.
	Salt string
	// Hash is that of a credential. It is not empty, and may be of any length.
	Hash func(credential []byte) [sha256.Size]byte

	salt uint64
}

// NewGroup completes a group.
func NewGroup(g Group) *Group {
	g.salt = textHash(g.Salt)
	g.Members = slices.Clone(g.Members)
	for i := range g.Members {
		g.Members[i].name = textHash(g.Members[i].Name)
		g.Members[i].Health.chosen.Store(true)
		g.Members[i].startProbe()
	}
	return &g
}

// A Member is one upstream of a group.
type Member struct {
	*Target
	// Priority 1 is asked first; a higher one where all below it are left alone, or have
	// failed this request.
	Priority int
	// Weight is its share among those of its priority. 0: it has none, and serves Callers
	// alone.
	Weight int
	// Callers are those who come here first, by the hashes of their credentials.
	Callers map[[sha256.Size]byte]struct{}
	// Straight is sent what clients send, where the route has a bridge.
	Straight bool

	name uint64 // its hash
}

// A Caller is who asks, as far as a choice depends on it.
type Caller struct {
	key  uint64 // by which the members are ordered
	slot uint64 // by which throttled callers are told apart
	mine uint16 // a bit for each member that is named for the caller
	some bool   // it has a credential
}

// CallerOf returns the caller with a credential. Without one chance decides; what is
// throttled then is so for all who have none.
func (g *Group) CallerOf(credential []byte) (c Caller) {
	c.key = rand.Uint64()
	if c.some = len(credential) > 0; !c.some {
		return c
	}
	hash := g.Hash(credential)
	c.slot = binary.LittleEndian.Uint64(hash[:])
	if g.Sticky {
		c.key = mix(binary.LittleEndian.Uint64(hash[8:]) ^ g.salt)
	}
	for i := range g.Members {
		if _, named := g.Members[i].Callers[hash]; named {
			c.mine |= 1 << i
		}
	}
	return c
}

// A Choice is what has been chosen for one request. It begins with its Caller.
type Choice struct {
	Caller
	// Stays has the request go where it would go if all upstreams were well, and nowhere
	// else: it names something that is there alone.
	Stays bool
	// Peek has nothing done but looked: a person asks.
	Peek bool

	tried  uint16 // a bit for each member
	barred uint16 // a bit for each to which the request cannot go, whatever happens
	seeing bool   // it is the one that sees how the member is
	at     int8   // the member that was chosen last
	since  int64  // what Answers of its Health was then
}

// Next chooses the next member for the request, nil if there is none: each is chosen
// once at most. It waits for nothing, and allocates nothing.
func (g *Group) Next(c *Choice) *Member {
	if c.Stays && c.tried != 0 {
		return nil
	}
	closed := uint16(0)
	for {
		i := g.best(c, func(m *Member) bool { return c.Stays || m.Health.look(c.slot) <= due }, closed)
		if i < 0 {
			break
		}
		m := &g.Members[i]
		c.seeing = false
		if !c.Stays && !c.Peek && m.Health.look(c.slot) == due {
			if c.seeing = m.Health.claim(); !c.seeing {
				closed |= 1 << i
				continue
			}
		}
		return g.take(c, i)
	}
	if c.tried != 0 {
		return nil
	}
	// All are left alone. Those that have not asked for it may be well again, and a breaker
	// alone refuses nobody.
	i := g.best(c, func(m *Member) bool { return m.Health.look(c.slot) == broken && m.Health.unasked() }, 0)
	if i < 0 {
		return nil
	}
	c.seeing = !c.Peek && g.Members[i].Health.force()
	return g.take(c, i)
}

// AtKey has the choice depend on something else than a credential.
func (c *Caller) AtKey(key []byte) { c.key = textHash(string(key)) }

// Known reports whether the caller has a credential.
func (c *Caller) Known() bool { return c.some }

// Named reports whether the member that was chosen last is named for the caller.
func (c *Choice) Named() bool { return c.mine&(1<<c.at) != 0 }

func (g *Group) take(c *Choice, i int) *Member {
	c.tried |= 1 << i
	c.at, c.since = int8(i), g.Members[i].Health.Answers()
	return &g.Members[i]
}

// best returns the first in the order of those that were not tried, -1 for none.
func (g *Group) best(c *Choice, may func(*Member) bool, but uint16) int {
	best, rank, score := -1, 0, 0.0
	for i := range g.Members {
		m := &g.Members[i]
		r, s, serves := g.place(i, &c.Caller)
		if !serves || (c.tried|c.barred|but)&(1<<i) != 0 || best >= 0 && (r > rank || r == rank && s <= score) || !may(m) {
			continue
		}
		best, rank, score = i, r, s
	}
	return best
}

// place says where the member stands for a caller: the lowest rank goes first, and of
// the same rank the highest score. The scores are those of weighted rendezvous hashing:
// each member has its share, and a weight that changes moves no caller between the
// others.
func (g *Group) place(i int, c *Caller) (rank int, score float64, serves bool) {
	m := &g.Members[i]
	if c.mine&(1<<i) != 0 {
		return 0, math.Inf(1), true
	}
	if m.Weight == 0 {
		return 0, 0, false
	}
	chance := (float64(mix(c.key^m.name)>>11) + 0.5) / (1 << 53) // within 0 and 1, and neither
	return m.Priority, float64(m.Weight) / -math.Log(chance), true
}

// OnlyStraight keeps the request from members that are not straight, NotStraight from
// those that are. Each reports whether one is left for the caller: if not, nothing
// changes.
func (g *Group) OnlyStraight(c *Choice) (left bool) {
	return g.bar(c, func(m *Member) bool { return !m.Straight })
}

// NotStraight is the reverse of OnlyStraight.
func (g *Group) NotStraight(c *Choice) (left bool) {
	return g.bar(c, func(m *Member) bool { return m.Straight })
}

func (g *Group) bar(c *Choice, which func(*Member) bool) (left bool) {
	barred := c.barred
	for i := range g.Members {
		if which(&g.Members[i]) {
			barred |= 1 << i
		}
	}
	for i := range g.Members {
		left = left || g.serves(i, c, barred)
	}
	if left {
		c.barred = barred
	}
	return left
}

// serves reports whether the member is one for the request.
func (g *Group) serves(i int, c *Choice, barred uint16) bool {
	_, _, serves := g.place(i, &c.Caller)
	return serves && barred&(1<<i) == 0
}

// Serving returns the names of the members to which the request might go.
func (g *Group) Serving(c *Choice) (names []string) {
	for i := range g.Members {
		if g.serves(i, c, c.barred) {
			names = append(names, g.Members[i].Name)
		}
	}
	return names
}

// Soonest returns the shortest time after which a member can be asked for the request,
// where all are left alone now; 0: one is not.
func (g *Group) Soonest(c *Choice) (soonest time.Duration) {
	for i := range g.Members {
		m := &g.Members[i]
		if !g.serves(i, c, c.barred) {
			continue
		}
		left := m.Health.Left(c.slot)
		if left == 0 {
			return 0
		}
		if soonest == 0 || left < soonest {
			soonest = left
		}
	}
	return soonest
}

// Several reports whether there is another member to which the request might be moved.
func (g *Group) Several(c *Choice) bool {
	return !c.Stays && g.best(c, func(*Member) bool { return true }, 0) >= 0
}

// What became of the attempt at the member that was chosen last. Each attempt is told of
// once.

// Succeeded tells of an answer that is no failure.
func (g *Group) Succeeded(c *Choice) {
	c.seeing = false
	g.Members[c.at].Health.Succeeded(c.slot)
}

// Throttled tells of a 429, Failed of a failure; see Health.
func (g *Group) Throttled(c *Choice, told time.Duration) {
	c.seeing = false
	g.Members[c.at].Health.Throttle(c.slot, told)
}

// Failed tells of a failure.
func (g *Group) Failed(c *Choice, cause Cause, told time.Duration) {
	c.seeing = false
	g.Members[c.at].Health.Failed(cause, told, c.since)
}

// Undecided tells that the attempt has shown nothing of the member.
func (g *Group) Undecided(c *Choice) {
	if c.seeing {
		c.seeing = false
		g.Members[c.at].Health.Undecided()
	}
}

// textHash is the same in every process.
func textHash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return mix(h.Sum64())
}

// mix spreads every bit over all (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
