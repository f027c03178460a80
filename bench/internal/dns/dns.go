// Package dns is a name server for one name, whose address the bench changes under load.
package dns

import (
	"net"
	"net/netip"
	"strings"
	"sync/atomic"

	"golang.org/x/net/dns/dnsmessage"
)

// ttl is how long, in seconds, a resolver may keep an answer.
const ttl = 1

// Server answers over UDP until its connection is closed.
type Server struct {
	name    dnsmessage.Name
	address atomic.Pointer[netip.Addr]
}

// Serve answers on conn for name, which has the address.
func Serve(conn net.PacketConn, name string, address netip.Addr) (*Server, error) {
	absolute, err := dnsmessage.NewName(strings.TrimSuffix(name, ".") + ".")
	if err != nil {
		return nil, err
	}
	s := &Server{name: absolute}
	s.Point(address)
	go s.serve(conn)
	return s, nil
}

// Point has the name point to an IPv4 address from now on.
func (s *Server) Point(address netip.Addr) { s.address.Store(&address) }

func (s *Server) serve(conn net.PacketConn) {
	query := make([]byte, 512)
	for {
		n, from, err := conn.ReadFrom(query)
		if err != nil {
			return
		}
		if answer, err := s.answer(query[:n]); err == nil {
			_, _ = conn.WriteTo(answer, from)
		}
	}
}

// answer has the address for a question of type A. Of other types the name has nothing,
// and other names do not exist.
func (s *Server) answer(query []byte) ([]byte, error) {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil {
		return nil, err
	}
	question, err := parser.Question()
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: header.ID, Response: true, Authoritative: true, RecursionDesired: header.RecursionDesired, RecursionAvailable: true},
		Questions: []dnsmessage.Question{question},
	}
	switch known := strings.EqualFold(question.Name.String(), s.name.String()); {
	case !known:
		m.RCode = dnsmessage.RCodeNameError
	case question.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: ttl},
			Body:   &dnsmessage.AResource{A: s.address.Load().As4()},
		}}
	}
	return m.Pack()
}
