package admit

import "sync"

// A Crowd counts what runs at a time, by key. It holds the keys that run and no others,
// so that its size is bounded by the exchanges that there are.
type Crowd struct{ parts [16]part }

type part struct {
	mu sync.Mutex
	n  map[Key]int32
	_  [48]byte // two loops do not share a cache line
}

// Enter counts one in unless most of the key run already: then Leave counts it out.
func (c *Crowd) Enter(k Key, most int) bool {
	p := &c.parts[int(k[0])%len(c.parts)]
	p.mu.Lock()
	defer p.mu.Unlock()
	if int(p.n[k]) >= most {
		return false
	}
	if p.n == nil {
		p.n = map[Key]int32{}
	}
	p.n[k]++
	return true
}

// Leave counts one out.
func (c *Crowd) Leave(k Key) {
	p := &c.parts[int(k[0])%len(c.parts)]
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n[k]--; p.n[k] == 0 {
		delete(p.n, k)
	}
}

// Keys returns of how many keys something runs.
func (c *Crowd) Keys() (n int) {
	for i := range c.parts {
		p := &c.parts[i]
		p.mu.Lock()
		n += len(p.n)
		p.mu.Unlock()
	}
	return n
}
