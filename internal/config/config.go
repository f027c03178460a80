// Package config is the configuration of apim-edge as data: one struct whose
// field comments are the operator's manual, its defaults, and how it is loaded
// from a file, the environment and flags. It knows no server: only
// proxy.Compile turns a Config into something that runs.
//
// Four layers are put on top of each other: the defaults, one YAML file, the
// environment and flags. Each layer is checked on its own, so that a mistake is
// reported with the place where it was made, and all mistakes at once.
//
//	cfg, err := config.Load(config.Options{File: "edge.yaml", Environ: os.Environ()})
//
// The types below are everything: names, types, bounds (struct tags) and the
// operator's manual (field comments). The reference file, the JSON schema and
// docs/configuration.md are generated from them.
package config

//go:generate go run ./gen

// Config is everything that can be configured.
type Config struct {
	// The listener that clients connect to.
	Listen Listen `koanf:"listen"`
	// The listener for health checks, metrics and the masked configuration.
	// It is meant for operators only.
	Admin Admin `koanf:"admin"`
	// The legacy APIs to forward to, by name. Routes refer to these names.
	Upstreams map[string]Upstream `koanf:"upstreams"`
	// What is served, by name. The route with the longest matching
	// path_prefix wins; one with a host wins over one without.
	Routes map[string]Route `koanf:"routes"`
	// Which tokens are good, by name. Routes ask for them in require.token. The
	// names of the keys follow API Management's policies validate-azure-ad-token
	// and validate-jwt (docs/identity.md).
	TokenPolicies map[string]TokenPolicy `koanf:"token_policies"`
	// Who has keys that apim-edge issues itself, by name. Routes ask for them by
	// require.client. apim-edge key new makes a key and the line for it.
	Clients map[string]Client `koanf:"clients"`
	// How long each phase of an exchange may take.
	Timeouts Timeouts `koanf:"timeouts"`
	// How much may be asked at once. 0 means: no limit of apim-edge's own.
	Limits Limits `koanf:"limits"`
	// What replicas of apim-edge have in common: the store in which they count
	// together what routes limit.
	Shared Shared `koanf:"shared"`
	// What runs the exchanges. It is read at the start only.
	Loops Loops `koanf:"loops"`
	// The log: one line per exchange, and what the operator should know.
	Log Log `koanf:"log"`
	// Who uses apim-edge, and what for. It is read at the start only.
	Census Census `koanf:"census"`
	// What is added to responses so that a client can see what happened.
	Debug Debug `koanf:"debug"`
	// Spans of exchanges, sent to a collector by OTLP over HTTP (docs/traces.md).
	// Off while endpoint is empty.
	Traces Traces `koanf:"traces"`
	// Addresses or networks (CIDR) of the proxies in front of apim-edge whose
	// X-Forwarded-* and Forwarded fields are believed, and whose X-Real-IP,
	// X-Original-URL, X-Rewrite-URL and the like pass. Empty: nobody's are.
	TrustedProxies []string `koanf:"trusted_proxies"`

	// origins tells where each key was written; nil in a Config made by hand.
	origins map[string]origin
	// strays are variables that were probably meant to be looked at.
	strays Problems
}

// Listen says where clients connect.
type Listen struct {
	// Address and port to listen on. An empty host means all interfaces.
	Address string `koanf:"address"`
	// Serve HTTPS instead of HTTP. Both files are needed; they are read again
	// when they change.
	TLS ListenTLS `koanf:"tls"`
	// Path that apim-edge answers by itself, before any route: 200 while it is
	// ready, 503 while it is not, as /readyz of the admin listener does. For
	// balancers that probe the port of the traffic, for example /healthz. Only
	// GET and HEAD are answered. Empty: none.
	HealthPath string `koanf:"health_path"`
}

// ListenTLS is the certificate shown to clients.
type ListenTLS struct {
	// PEM file with the certificate chain, leaf first.
	CertFile string `koanf:"cert_file"`
	// PEM file with the private key.
	KeyFile string `koanf:"key_file"`
	// What session tickets are sealed with: env:NAME or file:/path of 32 characters
	// or more that nobody can guess, the same for all replicas. With it a client
	// resumes its session on another replica, and after a restart. The first seals,
	// and all open: put a new one in front from time to time, and take the last
	// away a day later, since who learns a key can read what was sent in sessions
	// that were resumed by it. Empty: each replica makes up its own.
	TicketKeys []string `koanf:"ticket_keys" secret:"reference"`
}

// Admin is the operator's listener.
type Admin struct {
	// Address and port for /healthz, /readyz, /metrics, /config and the page at /.
	// An empty value switches the listener off.
	Address string `koanf:"address"`
	// Serve Go profiles under /debug/pprof/.
	Pprof bool `koanf:"pprof"`
	// Bearer token that /metrics, /config and profiles ask for, and with which a
	// browser logs in to the page: env:NAME, file:/path or keyvault:URL. Empty: no
	// token is asked for.
	Token string `koanf:"token" secret:"reference"`
	// Names, besides loopback addresses and localhost, by which the admin
	// listener may be called (its Host field, without port). It guards against
	// DNS rebinding.
	AllowedHosts []string `koanf:"allowed_hosts"`
}

// Upstream is one legacy API.
type Upstream struct {
	// Scheme, host, port and an optional path prefix of the legacy API, for
	// example https://contoso.azure-api.net. The prefix is put in front of
	// each request's path.
	URL string `koanf:"url" secret:"userinfo"`
	// How the connection to an https upstream is secured.
	TLS UpstreamTLS `koanf:"tls"`
	// Pass the client's Host field on instead of the upstream's own host name.
	PreserveHost bool `koanf:"preserve_host"`
	// The most connections to this upstream at a time. Further exchanges wait for
	// one, in order, and get 503 after timeouts.connect. 0 means: no limit of
	// apim-edge's own.
	MaxConnections int `koanf:"max_connections"`
	// The most connections being made at a time. Further exchanges wait, in order,
	// for the next connection that is made or becomes free. 0: no limit of
	// apim-edge's own.
	MaxDials int `koanf:"max_dials"`
	// The most idle connections kept open for the next exchange, by all event
	// loops together. 0 keeps none.
	MaxIdle int `koanf:"max_idle"`
	// How long a connection is used: an older one is closed between two
	// exchanges, and the upstream's name is looked up again for the next. Each
	// lives up to a fifth less, so that they do not end together. One on which a
	// client has logged in (NTLM, Negotiate) lives as long as its client's. 0:
	// no bound.
	MaxAge Duration `koanf:"max_age" min:"1s" zero:"ok"`
	// The forward proxy through which the upstream is reached, by CONNECT:
	// http://proxy.example.com:3128, or env:NAME, file:/path or keyvault:URL of
	// such a URL, where it has a user name and a password (Basic). none: no proxy. Empty:
	// what HTTPS_PROXY and NO_PROXY say, for an https upstream.
	Proxy string `koanf:"proxy" secret:"proxy"`
	// Whom a connection serves. client: the connection of one client only, for
	// as long as both last, so that not even a fault of the upstream can bring
	// what belongs to one client before another; each client's connection then
	// keeps one of its own, which max_idle does not count. all: whoever comes
	// next, save where a login belongs to the connection (NTLM, Negotiate).
	Share string `koanf:"share" oneof:"all client"`
	// The credential that apim-edge itself shows to the upstream, in place of
	// the caller's.
	Auth Auth `koanf:"auth"`
	// When it is left alone, where a route has several upstreams.
	Breaker Breaker `koanf:"breaker"`
	// What is asked of it in the background, where a route has several upstreams.
	Probe Probe `koanf:"probe"`
}

// Route says which requests go to which upstream, and under which rules.
type Route struct {
	// Requests whose path starts with this prefix, at a segment boundary,
	// belong to the route. A slash at its end means nothing. Upper and lower
	// case differ, also where the upstream takes them for the same: do not
	// rely on a prefix to keep requests away from what lies below it. A path
	// that servers read in several ways (//, %2F, \, ;, a dot at the end of
	// a name) is refused where that would lead to another route.
	PathPrefix string `koanf:"path_prefix"`
	// Requests for this host only: a name or an address, without port. Case
	// and a dot at its end mean nothing. Empty: any host.
	Host string `koanf:"host"`
	// Name of the upstream. It may be left out where there is only one.
	Upstream string `koanf:"upstream"`
	// Several upstreams instead of the one: each is a section with a name, and with
	// priority, weight and callers where they are needed (docs/upstreams.md). What
	// one of them refuses, or cannot be sent to it, goes to the next.
	Upstreams []RouteUpstream `koanf:"upstreams"`
	// Which of several upstreams a caller is sent to. credential: always the same,
	// by a hash of the credential, as long as it may be asked; none: each request
	// for itself, by the weights.
	Sticky string `koanf:"sticky" oneof:"credential none"`
	// When a request goes to another one of several upstreams.
	Failover Failover `koanf:"failover"`
	// Prefix to take off the path before it is forwarded: path_prefix or a part
	// of it.
	StripPrefix string `koanf:"strip_prefix"`
	// Parameters of the query that the upstream is sent other than the client has sent
	// them. Names are read as Azure reads them: percent-decoded, and without case.
	Query Query `koanf:"query"`
	// Let everybody who reaches the route use what its upstream is shown by
	// apim-edge itself (auth of the upstream). Nothing else follows from it.
	Open bool `koanf:"open"`
	// How credentials are rewritten.
	Credential Credential `koanf:"credential"`
	// Who may pass. Without token, client, addresses and headers: everybody, as far
	// as the upstream lets them.
	Require Require `koanf:"require"`
	// Fields in which the upstream is told what a token says, by the name of the
	// claim: {oid: X-Caller-Oid}. Lists are joined by commas; commas in a value,
	// percent signs and everything but printable ASCII are percent-encoded. Fields
	// of these names from outside are always dropped.
	ForwardClaims map[string]string `koanf:"forward_claims"`
	// Cross-origin access for browsers. Without allowed_origins the route's
	// CORS fields are the upstream's own.
	CORS CORS `koanf:"cors"`
	// Lead clients that speak one shape of the API to an upstream that speaks the
	// other: v1, where the model stands in the body, and legacy, where a deployment
	// and an api-version stand in the URL (docs/bridge.md). Off while to is empty.
	Bridge Bridge `koanf:"bridge"`
	// Read from answers how many tokens they have taken, for the metrics and the
	// access line (docs/usage.md). No byte is changed or delayed.
	Usage bool `koanf:"usage"`
	// Deployments whose tokens are counted by their name, where it stands in the
	// path: /deployments/NAME/. Models of the route's bridge need not be listed. The
	// others count as of model none.
	UsageModels []string `koanf:"usage_models"`
	// How much one caller may ask for, or all together. Off while neither requests
	// nor concurrent says how much.
	Limits RouteLimits `koanf:"limits"`
	// Bounds for this route that differ from the global ones. 0: the global one.
	Timeouts RouteTimeouts `koanf:"timeouts"`
	// Largest request body of this route. 0: the global limit.
	RequestBody Size `koanf:"request_body"`
	// While a stream says nothing for this long, send an SSE comment, so that
	// boxes on the way do not cut it. Only between events. 0: never.
	Heartbeat Duration `koanf:"heartbeat" min:"1s" zero:"ok"`
}

// RouteTimeouts are the timeouts that a route may set for itself.
type RouteTimeouts struct {
	// See timeouts.response_head.
	ResponseHead Duration `koanf:"response_head" min:"1ms" zero:"ok"`
	// See timeouts.stream_idle.
	StreamIdle Duration `koanf:"stream_idle" min:"1ms" zero:"ok"`
}

// Credential says what becomes of a request's credentials (docs/credentials.md).
type Credential struct {
	// The field in which the upstream expects its subscription key.
	Header string `koanf:"header"`
	// How the key is written into that field. {key} stands for the key. Where
	// header is authorization, write Bearer {key}.
	Value string `koanf:"value"`
	// Further request fields in which clients send the key. [] means none.
	Aliases []string `koanf:"aliases"`
	// Query parameters in which clients send the key. [] means none.
	QueryAliases []string `koanf:"query_aliases"`
	// What to do when a request names two different credentials of one kind:
	// prefer_explicit takes the one that stands in the field of its kind, reject
	// answers 400.
	OnConflict string `koanf:"on_conflict" oneof:"prefer_explicit reject"`
	// What to do when a request has no credential: forward leaves the answer to
	// the upstream, reject answers 401.
	OnMissing string `koanf:"on_missing" oneof:"forward reject"`
	// What to do with a token that was sent where the key belongs: move puts it
	// into Authorization, keep leaves it.
	MisplacedToken string `koanf:"misplaced_token" oneof:"move keep"`
	// Send the Authorization field on as well as the key. Some fronts want both.
	KeepAuthorization bool `koanf:"keep_authorization"`
	// Values that SDKs send when they have no key. They count as absent, in
	// upper or lower case. [] means none.
	Placeholders []string `koanf:"placeholders" dollar:"ok"`
}

// CORS is the cross-origin policy of a route. It is on when allowed_origins
// names an origin.
type CORS struct {
	// Origins of the pages that may call, for example https://chat.example.com;
	// one * in the host is a wildcard, as in https://*.example.com, or stands
	// for any port, as in http://localhost:*. Apps have schemes of their own, as
	// in app://- or tauri://localhost. "*" alone allows every page.
	AllowedOrigins []string `koanf:"allowed_origins"`
	// Methods that pages may use. [] means none.
	AllowedMethods []string `koanf:"allowed_methods"`
	// Request fields that pages may send besides those of the OpenAI SDKs,
	// which are always allowed. "*" allows every field.
	AllowedHeaders []string `koanf:"allowed_headers"`
	// Response fields that pages may read besides those of the OpenAI SDKs. "*"
	// exposes every field, but not together with allow_credentials.
	ExposedHeaders []string `koanf:"exposed_headers"`
	// Let pages send cookies. Not together with the origin "*".
	AllowCredentials bool `koanf:"allow_credentials"`
	// How long browsers may remember the answer to a preflight. 0: not at all.
	MaxAge Duration `koanf:"max_age"`
	// Let pages on public sites call an edge on a private network.
	AllowPrivateNetwork bool `koanf:"allow_private_network"`
	// Refuse WebSockets of pages whose origin is not allowed, with 403:
	// browsers ask no permission for them, so that allowed_origins alone keeps
	// none away. A request without Origin passes, as from most programs; some
	// (Python's websocket-client) send the edge's own address as Origin, which
	// then has to be in the list.
	CheckUpgrades bool `koanf:"check_upgrades"`
	// Take the Origin field off before forwarding. APIM with a cors policy of
	// its own answers an origin that it does not know with an empty 200.
	WithholdOrigin bool `koanf:"withhold_origin"`
}

// Timeouts bound each phase of an exchange.
type Timeouts struct {
	// Time for a client to send a request head, from its first byte.
	ClientHead Duration `koanf:"client_head" min:"1ms"`
	// Time without a byte of the request body, from the client or taken by the
	// upstream. It is also how long the network to the upstream may be cut before an
	// exchange ends.
	RequestBodyIdle Duration `koanf:"request_body_idle" min:"1ms"`
	// Time to establish the TCP connection to the upstream.
	Connect Duration `koanf:"connect" min:"1ms"`
	// Time for the TLS handshake with the upstream, and with a client.
	TLSHandshake Duration `koanf:"tls_handshake" min:"1ms"`
	// Time from the last request byte to the response head. Streams are not
	// bounded by it once the head has arrived. Reasoning models think for minutes.
	ResponseHead Duration `koanf:"response_head" min:"1ms"`
	// Time without a byte of the response body.
	StreamIdle Duration `koanf:"stream_idle" min:"1ms"`
	// Time that a client may take no byte of what is sent to it.
	ClientWriteStall Duration `koanf:"client_write_stall" min:"1ms"`
	// Time that an idle connection of a client is kept open.
	ClientKeepAlive Duration `koanf:"client_keep_alive" min:"1ms"`
	// Age from which a client's connection carries no further exchange: the next
	// answer on it is the last, and says so. Clients then connect anew, which
	// spreads them over replicas that have been added. Each connection lives up to a
	// fifth less, so that they do not leave together. What runs is never cut, and an
	// idle connection is left to client_keep_alive. 0: no bound.
	ClientMaxAge Duration `koanf:"client_max_age" min:"1ms" zero:"ok"`
	// Time that an idle connection to the upstream is kept open.
	UpstreamKeepAlive Duration `koanf:"upstream_keep_alive" min:"1ms"`
	// Time that running exchanges get to finish after SIGTERM.
	Drain Duration `koanf:"drain"`
	// Time between failing /readyz and closing the listener after SIGTERM, so
	// that a load balancer sees it first, and clients read in their next answer that
	// the connection ends. The default is one second more than HAProxy takes with its
	// own defaults: three checks, two seconds apart. Ctrl-C does without.
	DrainDelay Duration `koanf:"drain_delay"`
}

// Limits bound what is held at once. 0 means no limit of apim-edge's own.
type Limits struct {
	// Largest request head: request line and fields.
	Head Size `koanf:"head" min:"4KiB" max:"1MiB"`
	// Largest request body.
	RequestBody Size `koanf:"request_body"`
	// Most client connections at a time.
	Connections int `koanf:"connections"`
	// Most exchanges at a time.
	Exchanges int `koanf:"exchanges"`
	// Slowest body, in bytes a second, on average over 30 s in which only the
	// client is waited for. A request body that comes slower is ended with 408; so
	// is a connection whose client takes what is sent to it slower, with a cut.
	// 0: however slow.
	Slowest Size `koanf:"slowest" min:"0" max:"1MiB"`
}

// Loops are what runs the exchanges.
type Loops struct {
	// How many event loops there are; each can use one processor. 0: as many as
	// processors, but 4 at most, since each has idle connections to the upstreams
	// of its own: with many, more exchanges have to make new ones.
	Count int `koanf:"count" max:"256"`
	// Let a loop with much to do keep its processor while it waits, which saves
	// CPU time. It leans on how Go's runtime works inside: if apim-edge stalls
	// where it should not, try false.
	Busy bool `koanf:"busy"`
}

// Log says what is written, and how.
type Log struct {
	// Least severe level to write. The access lines are of level info.
	Level string `koanf:"level" oneof:"debug info warn error"`
	// json for machines, console for people, auto: console on a terminal.
	Format string `koanf:"format" oneof:"json console auto"`
	// Write one line per exchange.
	Access bool `koanf:"access"`
}

// Debug adds fields to responses.
type Debug struct {
	// Add X-Apim-Edge-Decision with the credential decision.
	DecisionHeader bool `koanf:"decision_header"`
	// Add X-Apim-Edge-Hint to an upstream's 400, 401, 403, 404 and 429: what the
	// refusal is known as (docs/hints.md), where that can be told before the head
	// goes out. The access line always has it.
	HintHeader bool `koanf:"hint_header"`
	// Add Server-Timing: upstream;dur=N, the milliseconds from the first byte of
	// the request to the response head, connecting and the upload included.
	ServerTiming bool `koanf:"server_timing"`
}
