package wire

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestKeyUpdatesThatNobodyReads: a peer asks for new keys again and again (RFC 8446
// section 4.6.3) and does not read what crypto/tls answers while it reads. One
// connection could have the edge hold 368 MB so. A byte of content between them
// keeps crypto/tls from counting.
func TestKeyUpdatesThatNobodyReads(t *testing.T) {
	s, far := updaterPair(t)
	s.fill(1 << 20) // some of it stays
	before, most := 0, 0
	s.do(func(c *Conn) { before = c.Backlog() })
	for range 4 * maxOwed / (15 * answerSize) {
		far.updates(15)
		if far.flush() != nil {
			break // the edge has given it up
		}
		s.do(func(c *Conn) { most = max(most, c.Backlog()-before) })
	}
	testkit.Await(t, "the end of a connection whose peer does not read", func() bool { return s.failure() != nil })
	if limit := maxOwed + 32*answerSize; most > limit {
		t.Errorf("%d bytes wait to be sent, want %d at most", most, limit)
	}
}

// TestKeyUpdatesThatAreRead: as many as anybody likes do no harm to a peer that
// reads, also behind what it has not read for a while.
func TestKeyUpdatesThatAreRead(t *testing.T) {
	s, far := updaterPair(t)
	for range 2 {
		waiting := len(s.fill(1 << 20))
		for range maxOwed / (15 * answerSize) * 3 / 4 {
			far.updates(15)
			testkit.Must(t, far.flush())
		}
		far.drop(waiting)
		s.until("all is sent", func(c *Conn) bool { return c.Backlog() == 0 })
	}
	if err := s.failure(); err != nil {
		t.Error(err)
	}
}

// failure is what a read says, other than that it has to wait.
func (s *side) failure() (err error) {
	s.do(func(c *Conn) {
		in, end := c.Read(nil)
		in.Release()
		if !errors.Is(end, ErrWait) {
			err = end
		}
	})
	return err
}

// The types of TLS content, and the size of a record with a KeyUpdate in it.
const (
	handshake  = 22
	content    = 23
	answerSize = recordHeader + 5 + 1 + 16
)

// updater is a TLS 1.3 client that asks for new keys, which crypto/tls never does.
type updater struct {
	*net.TCPConn
	t      *testing.T
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
	out    bytes.Buffer
}

// updaterPair returns it, and a side that reads what comes.
func updaterPair(t *testing.T) (*side, *updater) {
	t.Helper()
	near, far := tcpPair(t)
	var keys bytes.Buffer
	conf := clientConfig()
	conf.MinVersion, conf.KeyLogWriter = tls.VersionTLS13, &keys
	conn := tls.Client(far, conf)
	s := adopt(t, startLoop(t), near, shake(t, near, tls.Server, conn), 0)
	u := &updater{TCPConn: far, t: t}
	if suite := conn.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Skip("needs AES in hardware, not", tls.CipherSuiteName(suite))
	}
	for line := range strings.Lines(keys.String()) {
		if f := strings.Fields(line); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
			u.secret, _ = hex.DecodeString(f[2])
		}
	}
	u.rekey()
	s.whenWoken(func(c *Conn) {
		for err := error(nil); err == nil; {
			var in *Buf
			in, err = c.Read(nil)
			in.Release()
		}
	})
	return s, u
}

// expand is HKDF-Expand-Label (RFC 8446 section 7.1).
func (u *updater) expand(label string, n int) []byte {
	label = "tls13 " + label
	out, err := hkdf.Expand(sha256.New, u.secret, "\x00"+string(rune(n))+string(rune(len(label)))+label+"\x00", n)
	if err != nil {
		u.t.Fatal(err)
	}
	return out
}

func (u *updater) rekey() {
	block, err := aes.NewCipher(u.expand("key", 16))
	if err != nil {
		u.t.Fatal(err)
	}
	if u.aead, err = cipher.NewGCM(block); err != nil {
		u.t.Fatal(err)
	}
	u.iv, u.seq = u.expand("iv", 12), 0
}

// record adds a record to what is sent next (RFC 8446 section 5.2).
func (u *updater) record(kind byte, p []byte) {
	inner := append(bytes.Clone(p), kind)
	header := binary.BigEndian.AppendUint16([]byte{content, 3, 3}, uint16(len(inner)+16))
	nonce := bytes.Clone(u.iv)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^u.seq)
	u.seq++
	u.out.Write(u.aead.Seal(header, nonce, inner, header))
}

// update asks for new keys, and takes new ones.
func (u *updater) update() {
	u.record(handshake, []byte{24, 0, 0, 1, 1})
	u.secret = u.expand("traffic upd", 32)
	u.rekey()
}

// updates adds n of them, and a byte of content.
func (u *updater) updates(n int) {
	for range n {
		u.update()
	}
	u.record(content, []byte("x"))
}

func (u *updater) flush() error {
	_, err := u.out.WriteTo(u.TCPConn)
	return err
}

// drop reads n bytes of what comes, and more.
func (u *updater) drop(n int) {
	u.t.Helper()
	_ = u.SetReadDeadline(time.Now().Add(patience))
	for p := make([]byte, 4<<10); n > 0; {
		got, err := u.Read(p)
		if err != nil {
			u.t.Fatal(err)
		}
		n -= got
	}
}
