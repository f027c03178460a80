package admit

import "sync"

// Key is whose requests are counted together: a keyed hash, so that nobody can choose
// where in a table he stands, or whom he pushes out. The zero Key is a route's.
type Key [16]byte

// slots is a table of a fixed size. A key is in one set only, and a set has room for so
// many. Where it is full, a key that is new takes the place of the one that owes least,
// and its debt as well (the Space-Saving algorithm of Metwally, Agrawal and El Abbadi).
// So memory stays as it is whatever comes, and nobody is ever forgotten to his
// advantage: who has been pushed out comes back with a debt that is no smaller than his
// own was, since the least debt of a set only grows. What is lost is that some are
// counted together, and only while more keys owe something than there is room for.
//
// A lock is held for one look at one set. Exchanges on two loops meet there if their
// keys are in one shard.
type slots struct{ shards []shard }

type shard struct {
	mu   sync.Mutex
	sets []set
	_    [64]byte // two loops do not share a cache line
}

type set [ways]slot

// slot is what is known of one key. Its zero value owes nothing.
type slot struct {
	key Key
	// tat is the theoretical arrival time of GCRA (ITU-T I.371): when the debt is paid,
	// by the clock of the Rate.
	tat int64
	loan
}

// A table takes 2.6 MiB once all of it is used: 49,152 keys that owe something at a time.
const (
	ways   = 16
	shards = 64
	sets   = 48
)

// newSlots returns a table for many keys, or for one.
func newSlots(many bool) slots {
	if !many {
		return slots{[]shard{{sets: make([]set, 1)}}}
	}
	s := slots{make([]shard, shards)}
	all := make([]set, shards*sets)
	for i := range s.shards {
		s.shards[i].sets = all[i*sets : (i+1)*sets]
	}
	return s
}

// locked returns the slot of the key with its shard locked. A key that is not there gets
// one if it is to be made, else nil is returned.
func (s *slots) locked(k Key, made bool) (*slot, *sync.Mutex) {
	sh := &s.shards[int(k[0])%len(s.shards)]
	sh.mu.Lock()
	in := &sh.sets[int(k[1])%len(sh.sets)]
	least := &in[0]
	for i := range in {
		if in[i].key == k {
			return &in[i], &sh.mu
		}
		if in[i].tat < least.tat {
			least = &in[i]
		}
	}
	if !made {
		return nil, &sh.mu
	}
	least.key, least.loan = k, loan{} // tat stays
	return least, &sh.mu
}
