package relay

// frames follows one direction of a WebSocket (RFC 6455 section 5.2) to know whether it
// was closed in order: a Close frame has passed. It reads the heads of frames, steps
// over what they carry, and changes nothing.
type frames struct {
	// closed tells that a whole Close frame has passed. Nothing counts behind it.
	closed bool

	lost   bool      // these are no frames: nobody can tell where the next one begins
	reads  headState // what the next byte of a head is
	close  bool      // the frame under way is a Close frame
	length uint64    // of what it carries, as far as it has come
	more   uint8     // bytes of the extended length that are still to come
	mask   uint8     // bytes of the masking key
	skip   uint64    // bytes that are no head and still to come
}

type headState uint8

const (
	opcodeByte headState = iota
	lengthByte
	extendedLength
)

// Feed takes the next bytes.
func (f *frames) Feed(p []byte) {
	for len(p) > 0 && !f.closed && !f.lost {
		if f.skip > 0 {
			n := min(f.skip, uint64(len(p)))
			f.skip -= n
			p = p[n:]
			f.closed = f.close && f.skip == 0
			continue
		}
		f.headByte(p[0])
		p = p[1:]
	}
}

func (f *frames) headByte(b byte) {
	switch f.reads {
	case opcodeByte:
		const final, control, closing = 0x80, 0x08, 0x08
		f.close = b&0x0f == closing
		f.lost = b&control != 0 && b&final == 0 // section 5.5: these are never fragmented
		f.length, f.reads = 0, lengthByte
	case lengthByte:
		f.mask = b >> 7 * 4
		switch b &= 0x7f; b {
		case 126:
			f.more, f.reads = 2, extendedLength
		case 127:
			f.more, f.reads = 8, extendedLength
		default:
			f.length = uint64(b)
			f.headEnds()
		}
	case extendedLength:
		f.length = f.length<<8 | uint64(b)
		if f.more--; f.more == 0 {
			f.headEnds()
		}
	}
}

// headEnds knows how long the frame is. The highest bit of a length is not used
// (section 5.2), so that the sum does not overflow.
func (f *frames) headEnds() {
	const most, mostOfControl = 1<<63 - 1, 125
	f.lost = f.length > most || f.close && f.length > mostOfControl
	f.skip = f.length + uint64(f.mask)
	f.closed = f.close && f.skip == 0
	f.reads = opcodeByte
}
