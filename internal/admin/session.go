package admin

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/apim-edge/apim-edge/internal/secret"
)

// A session ends an hour after the login, when the token changes, and with the process.
const (
	sessionTime = time.Hour
	maxSessions = 32 // only who knows the token opens one; the oldest one goes
)

// sessions are the browsers that have logged in. What a browser holds is a random value,
// of which the hash is kept: it neither is the token nor can be read from memory.
type sessions struct {
	key [32]byte // what forms are signed by

	mu   sync.Mutex
	open map[[sha256.Size]byte]session
}

type session struct {
	ends  time.Time
	token secret.Value
}

func newSessions() *sessions {
	s := &sessions{open: map[[sha256.Size]byte]session{}}
	_, _ = rand.Read(s.key[:]) // never fails
	return s
}

// begin opens a session of whoever knew the token.
func (s *sessions) begin(token secret.Value) (id string) {
	id = rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.open) >= maxSessions {
		s.drop()
	}
	s.open[sha256.Sum256([]byte(id))] = session{time.Now().Add(sessionTime), token}
	return id
}

// drop ends the session that would end first.
func (s *sessions) drop() {
	var first [sha256.Size]byte
	for hash, one := range s.open {
		if at, ok := s.open[first]; !ok || one.ends.Before(at.ends) {
			first = hash
		}
	}
	delete(s.open, first)
}

// holds reports whether a session is open, and was opened with what the token is now.
func (s *sessions) holds(id string, token secret.Value) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	hash := sha256.Sum256([]byte(id))
	one, ok := s.open[hash]
	if !ok {
		return false
	}
	if time.Now().After(one.ends) || !one.token.Equal(token) {
		delete(s.open, hash)
		return false
	}
	return true
}

// end closes a session.
func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, sha256.Sum256([]byte(id)))
}

// sign returns what a form has to bring along, so that no other page can send it: one of
// another origin cannot read it. It belongs to one session; without sessions to the process.
func (s *sessions) sign(id string) string {
	h := hmac.New(sha256.New, s.key[:])
	_, _ = h.Write([]byte("form of " + id)) // never fails
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// signed reports whether a form is one of the session's.
func (s *sessions) signed(id, csrf string) bool {
	return hmac.Equal([]byte(s.sign(id)), []byte(csrf))
}

// cookieName has the port in it: cookies do not tell ports apart, and two edges on one
// machine would log each other out.
func cookieName(r *http.Request) string {
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		return "apim_edge_session_" + port
	}
	return "apim_edge_session"
}

// sessionOf returns what the browser holds; empty: nothing.
func sessionOf(r *http.Request) string {
	c, err := r.Cookie(cookieName(r))
	if err != nil {
		return ""
	}
	return c.Value
}

// setSession has the browser hold a session, or none. The listener itself has no TLS; where
// it ends in front, the browser's own Origin tells of it.
func setSession(w http.ResponseWriter, r *http.Request, id string) {
	c := &http.Cookie{
		Name: cookieName(r), Value: id, Path: "/", MaxAge: int(sessionTime.Seconds()), HttpOnly: true,
		SameSite: http.SameSiteStrictMode, Secure: r.Header.Get("Origin") == "https://"+r.Host,
	}
	if id == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}
