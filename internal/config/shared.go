package config

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/internal/option"
)

// Shared is what replicas have in common.
type Shared struct {
	// The store in which replicas count requests of routes with limits together, a
	// Redis or Valkey of release 6 or later: redis://host:6379, or
	// rediss://host:6380 with TLS. A user name stands in front of the host
	// (rediss://name@host:6380), the number of a database behind it
	// (redis://host:6379/1). Empty: each replica counts for itself.
	Redis string `koanf:"redis" secret:"userinfo"`
	// The password of the store: env:NAME, file:/path or keyvault:URL. It also keys
	// the hashes that stand for credentials there.
	Password string `koanf:"password" secret:"reference"`
	// PEM file with the certificate authorities to trust for the store instead of
	// the system's.
	CAFile string `koanf:"ca_file"`
	// Let nobody pass while the store is away: routes with limits on requests then
	// answer 503. Otherwise each replica counts for itself until it is back.
	Closed bool `koanf:"closed"`
}

// Store is where the store of replicas is.
type Store struct {
	Address  string // host:port
	Host     string
	TLS      bool
	User     string
	Database int
}

const storeWanted = "redis://host:6379, or rediss://host:6380 with TLS"

// ParseStore reads the URL of a store. The fault never repeats it, since it may hold a
// password.
func ParseStore(text string) (s Store, fault string) {
	u, err := url.Parse(text)
	if err != nil {
		return s, "this is no URL; write " + storeWanted
	}
	s.Host, s.TLS = u.Hostname(), u.Scheme == "rediss"
	port := u.Port()
	if port == "" {
		port = "6379"
	}
	database := strings.TrimPrefix(u.EscapedPath(), "/")
	if database != "" {
		s.Database, err = strconv.Atoi(database)
	}
	_, password := u.User.Password()
	switch {
	case u.Scheme != "redis" && u.Scheme != "rediss":
		return s, "the URL of a store begins with redis:// or rediss://, such as " + storeWanted
	case password:
		return s, "a password must not stand in the configuration itself; write shared.password: env:NAME or file:/path"
	case !isHost(s.Host) || !isPort(port):
		return s, "there is no host in it, or no port that is one; write " + storeWanted
	case err != nil || database != "" && !digits.MatchString(database):
		return s, "behind the host stands the number of a database, or nothing"
	case strings.ContainsAny(text, "?#"):
		return s, "the URL of a store has no query and no fragment here"
	}
	s.User = u.User.Username()
	s.Address = net.JoinHostPort(s.Host, port)
	return s, ""
}

func (v *checker) shared() {
	s := v.config.Shared
	if s.Password != "" {
		v.fault("shared.password", "", referenceFault(s.Password), "")
	}
	if s.Redis == "" {
		if s != (Shared{}) {
			v.fault("shared", "", "there is no store; write redis: "+storeWanted, "")
		}
		return
	}
	store, fault := ParseStore(s.Redis)
	v.fault("shared.redis", "", fault, "")
	if fault == "" && s.CAFile != "" && !store.TLS {
		v.fault("shared.ca_file", option.Show(s.CAFile), "there is no TLS to a store whose URL begins with redis://", "")
	}
}

func (v *checker) sharedWarnings() {
	s := v.config.Shared
	if s.Redis == "" {
		return
	}
	counted := false
	for _, r := range v.config.Routes {
		counted = counted || r.Limits.Requests != ""
	}
	store, _ := ParseStore(s.Redis)
	switch {
	case !counted:
		v.fault("shared.redis", "", "nothing is counted there: no route has limits with requests", "")
	case !store.TLS && !isLoopback(store.Host):
		v.fault("shared.redis", "", "over redis:// the password can be read on the way", "")
	}
	if s.Password == "" {
		v.fault("shared.password", "", "without a password whoever reaches the store can change what is counted there", "")
	}
}
