package relay

import (
	"bytes"
	"strconv"

	"github.com/apim-edge/apim-edge/proxy/wire"
)

// beat sends an SSE comment as a chunk of its own, if no chunk and no event is
// under way: within a chunk its bytes would be data, and within an event its empty line
// would end that. Between two events the line ends nothing, and a reader drops the
// comment. Where there are no chunks none is sent: of a body of known length it would
// take the place.
func (d *Down) beat() error {
	if d.Dechunk || !d.Track.Between() || d.Track.events == nil || !d.Track.events.Between() {
		return nil
	}
	d.early = d.early || d.Bytes == 0 // nothing of the upstream's is out: see passUnmarked
	_, err := d.To.Write([]byte("3\r\n:\n\n\r\n"))
	return d.lost(err)
}

// markedChunk returns the size of the chunk that p begins with, if its data begins
// with a byte-order mark and goes on behind it in p; else 0. A mark that comes in
// pieces, or alone in a chunk, is not looked for: no server is known that does so.
func markedChunk(p []byte) int64 {
	line, data, _ := bytes.Cut(p, []byte("\r\n"))
	if !bytes.HasPrefix(data, byteOrderMark) {
		return 0
	}
	digits, _, _ := bytes.Cut(line, []byte{';'})
	size, err := strconv.ParseUint(string(digits), 16, 60)
	if err != nil || size <= uint64(len(byteOrderMark)) {
		return 0
	}
	return int64(size) //nolint:gosec // 60 bits at most
}

// passUnmarked is pass for the first bytes of a stream, which begin with a chunk of
// that size and a byte-order mark. The mark means nothing behind a heartbeat, and
// would be part of the first field's name there: so it is left out.
func (d *Down) passUnmarked(in *wire.Buf, size int64) error {
	p := in.Bytes()
	pass, err := d.Track.Scan(p)
	data := bytes.Index(p, byteOrderMark) + len(byteOrderMark)
	if err != nil || pass < data {
		return d.rest(in, pass, err)
	}
	out := d.To.Loop().GetBuf()
	out.Set(append(strconv.AppendInt(out.Empty(), size-int64(len(byteOrderMark)), 16), "\r\n"...))
	out.Add(p[data:pass])
	d.Bytes += int64(out.Len())
	if _, werr := d.To.Send(out); werr != nil {
		in.Release()
		return d.lost(werr)
	}
	return d.rest(in, pass, nil)
}
