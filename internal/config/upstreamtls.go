package config

// UpstreamTLS secures connections to an https upstream. The upstream's
// certificate is always verified.
type UpstreamTLS struct {
	// PEM file with the certificate authorities to trust instead of the system's.
	CAFile string `koanf:"ca_file"`
	// Name to send as SNI and to verify, where it differs from the URL's host.
	ServerName string `koanf:"server_name"`
	// PEM file with a client certificate to show to the upstream, chain
	// included. It is shown to an upstream that asks in the handshake and, under
	// TLS 1.2, to one that asks once more behind the request, as API Management
	// does. One that asks behind the request under TLS 1.3 is not served.
	CertFile string `koanf:"cert_file"`
	// PEM file with the client certificate's private key.
	KeyFile string `koanf:"key_file"`
}
