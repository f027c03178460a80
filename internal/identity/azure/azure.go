// Package azure asks Azure for tokens and secrets. Everything of Azure's own library is
// behind this package; nothing of it runs before the first question.
//
// A question may take a minute and more, because the library repeats it as Microsoft
// prescribes. So it is asked in the background only, with a deadline (package upkeep).
package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"

	"github.com/apim-edge/apim-edge/internal/identity/upkeep"
	"github.com/apim-edge/apim-edge/internal/secret"
)

// A Transport answers requests: an *http.Client, or what a test puts in its place.
type Transport interface {
	Do(*http.Request) (*http.Response, error)
}

// Options say how Azure is reached. Their zero value is right outside of tests.
type Options struct {
	// Transport answers instead of the network; nil: the network does.
	Transport Transport
	// TrustAuthority leaves out the question to login.microsoft.com whether an
	// authority of one's own is one.
	TrustAuthority bool
}

// Platform asks the Azure that this process runs in. It may be used from anywhere.
type Platform struct {
	o           Options
	direct, web Transport

	mu         sync.Mutex
	identities map[string]azcore.TokenCredential // by client id
	vaults     map[string]*azsecrets.Client      // by URL
}

// New returns a platform that has not been asked anything.
func New(o Options) *Platform {
	p := &Platform{o: o, direct: o.Transport, web: o.Transport, identities: map[string]azcore.TokenCredential{}, vaults: map[string]*azsecrets.Client{}}
	if o.Transport == nil {
		p.direct, p.web = client(nil), bounded{client(http.ProxyFromEnvironment)}
	}
	return p
}

// bounded reads no more of an answer than a token or a secret can have. The endpoints of
// the platform are read without it: for Service Fabric the library wants a client as it
// is, to pin a certificate.
type bounded struct{ *http.Client }

const maxAnswer = 1 << 20

// Do implements Transport.
func (b bounded) Do(r *http.Request) (*http.Response, error) {
	answer, err := b.Client.Do(r)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, maxAnswer)
	}
	return answer, err
}

// client returns a client that follows no redirect: it would take the proof of who we
// are along. Whoever asks bounds how long it may take, and bounded how much may come.
func client(proxy func(*http.Request) (*url.URL, error)) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: proxy, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConns: 4, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// federated are the variables of workload identity, which its webhook sets all at once.
var federated = []string{"AZURE_FEDERATED_TOKEN_FILE", "AZURE_TENANT_ID"}

// Source says where this process would get a token from, in words for people. A
// variable that is set by mistake changes it without a word, so it is shown.
func Source(clientID string) string {
	who := "the identity " + clientID
	if clientID == "" {
		who = "the system-assigned identity"
	}
	if isFederated() {
		if clientID == "" {
			who = "the identity of AZURE_CLIENT_ID"
		}
		return "workload identity federation (AZURE_FEDERATED_TOKEN_FILE is set), " + who
	}
	source, err := managedidentity.GetSource()
	if err != nil {
		return "unknown: " + firstLine(err)
	}
	return places[source] + ", " + who
}

var places = map[managedidentity.Source]string{
	managedidentity.DefaultToIMDS: "the instance metadata service of a virtual machine (no variable says otherwise)",
	managedidentity.AppService:    "App Service, Functions or Container Apps (IDENTITY_ENDPOINT and IDENTITY_HEADER are set)",
	managedidentity.AzureArc:      "the agent of Azure Arc (IMDS_ENDPOINT is set, or the agent is installed)",
	managedidentity.ServiceFabric: "Service Fabric (IDENTITY_SERVER_THUMBPRINT is set)",
	managedidentity.CloudShell:    "Cloud Shell (MSI_ENDPOINT is set)",
	managedidentity.AzureML:       "Azure Machine Learning (MSI_ENDPOINT and MSI_SECRET are set)",
}

func isFederated() bool {
	for _, name := range federated {
		if os.Getenv(name) == "" {
			return false
		}
	}
	return true
}

// VaultClientID returns the id of the identity that vaults are asked with, as other
// programs of Azure have it: empty is the system-assigned one.
func VaultClientID() string { return os.Getenv("AZURE_CLIENT_ID") }

// Token asks for a token for resource: an id or a URI, as APIM's policy
// authentication-managed-identity takes it. clientID names a user-assigned identity.
func (p *Platform) Token(ctx context.Context, clientID, resource string) (upkeep.Reading, error) {
	identity, err := p.identity(clientID)
	if err != nil {
		return upkeep.Reading{}, explain(ctx, err)
	}
	token, err := identity.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{resource + "/.default"}})
	if err != nil {
		return upkeep.Reading{}, explain(ctx, err)
	}
	return upkeep.Reading{Value: secret.New(token.Token), Expires: token.ExpiresOn, Refresh: token.RefreshOn}, nil
}

// identity returns the credential of a client id, made when it is first needed.
func (p *Platform) identity(clientID string) (azcore.TokenCredential, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.identities[clientID]; known != nil {
		return known, nil
	}
	var made azcore.TokenCredential
	var err error
	if isFederated() {
		made, err = azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: azcore.ClientOptions{Transport: p.web}, ClientID: clientID, DisableInstanceDiscovery: p.o.TrustAuthority,
		})
	} else {
		o := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: azcore.ClientOptions{Transport: p.direct}}
		if clientID != "" {
			o.ID = azidentity.ClientID(clientID)
		}
		made, err = azidentity.NewManagedIdentityCredential(o)
	}
	if err != nil {
		return nil, err // not the nil pointer in an interface
	}
	p.identities[clientID] = made
	return made, nil
}

// Secret asks a vault (https://name.vault.azure.net) for a secret. No version means the
// newest one. Its attributes are heeded: what is disabled or has expired is withdrawn,
// and what is not yet valid is to be asked for again then.
func (p *Platform) Secret(ctx context.Context, vault, name, version string) (upkeep.Reading, error) {
	c, err := p.vault(vault)
	if err != nil {
		return upkeep.Reading{}, explain(ctx, err)
	}
	answer, err := c.GetSecret(ctx, name, version, nil)
	if err != nil {
		return upkeep.Reading{}, explain(ctx, err)
	}
	reading := upkeep.Reading{}
	now := time.Now()
	if a := answer.Attributes; a != nil {
		switch {
		case a.Enabled != nil && !*a.Enabled:
			return reading, fmt.Errorf("%w: the secret is disabled", upkeep.ErrWithdrawn)
		case a.Expires != nil && !now.Before(*a.Expires):
			return reading, fmt.Errorf("%w: the secret has expired at %s", upkeep.ErrWithdrawn, a.Expires.UTC().Format(time.RFC3339))
		case a.NotBefore != nil && now.Before(*a.NotBefore):
			reading.Refresh = *a.NotBefore
			return reading, errors.New("the secret is not valid before " + a.NotBefore.UTC().Format(time.RFC3339))
		case a.Expires != nil:
			reading.Expires = *a.Expires
		}
	}
	if answer.Value != nil {
		reading.Value = secret.New(*answer.Value)
	}
	return reading, nil
}

func (p *Platform) vault(at string) (*azsecrets.Client, error) {
	identity, err := p.identity(VaultClientID())
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.vaults[at]; known != nil {
		return known, nil
	}
	made, err := azsecrets.NewClient(at, identity, &azsecrets.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: p.web}})
	if err == nil {
		p.vaults[at] = made
	}
	return made, err
}
