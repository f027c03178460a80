package wire

import "sync"

// A space is what buffers grow to: BufSize doubled, up to largestSpace. A body that is
// held takes several of them one after the other, and would leave more than twice its
// length to the collector.
type space struct{ data []byte }

// largestSpace is the largest that is kept for others: the default of bridge.body_head.
// What is larger goes to the collector.
const largestSpace = 1 << 20

// spaces are those that nobody uses, by size. What lies there unused is dropped by the
// second collection.
type spaces [6]sync.Pool // BufSize<<1 to largestSpace

// classOf returns where spaces of at least n bytes are, and their size.
func classOf(n int) (class, size int) {
	for size = 2 * BufSize; size < n; size *= 2 {
		class++
	}
	return class, size
}

// getSpace returns n bytes or more, and whose they are: nil where nobody keeps them.
func (l *Loop) getSpace(n int) ([]byte, *space) {
	if n > largestSpace {
		return make([]byte, n), nil
	}
	class, size := classOf(n)
	s, _ := l.spaces[class].Get().(*space)
	if s == nil {
		s = &space{make([]byte, size)}
	}
	return s.data, s
}

// putSpace gives one back that nobody looks at any more.
func (l *Loop) putSpace(s *space) {
	class, _ := classOf(len(s.data))
	l.spaces[class].Put(s)
}
