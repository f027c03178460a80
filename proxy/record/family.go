package record

import "bytes"

// Family is the kind of client, from its User-Agent: a fixed set, so that it can
// be a label.
type Family uint8

const (
	familyNone Family = iota
	familyOpenAIPython
	familyOpenAINode
	familyOpenAIGo
	familyOpenAIJava
	familyOpenAIDotNet
	familyAzureSDK
	familyGo
	familyVercelAI
	familyLangChain
	familyLiteLLM
	familyVSCode
	familyCodex
	familyBrowser
	familyCurl
	familyOther
	familyCount
)

var familyNames = [familyCount]string{
	"none", "openai-python", "openai-node", "openai-go", "openai-java", "openai-dotnet", "azure-sdk",
	"go", "vercel-ai", "langchain", "litellm", "vscode", "codex", "browser", "curl", "other",
}

// String returns the stable text of the family.
func (f Family) String() string { return familyNames[f] }

// marks are parts of User-Agent that tell the family; the first that is found
// decides, so the more specific ones stand first.
var marks = []struct {
	mark   string
	family Family
}{
	{"langchain", familyLangChain},
	{"litellm", familyLiteLLM},
	{"ai-sdk/", familyVercelAI},
	{"codex", familyCodex},
	{"azsdk-", familyAzureSDK}, // azsdk-net-AI.OpenAI/2.0.0 (.NET ...) is one
	{"OpenAI/Python", familyOpenAIPython},
	{"OpenAI/JS", familyOpenAINode},
	{"OpenAI/Go", familyOpenAIGo},
	{"OpenAI/Java", familyOpenAIJava},
	{"OpenAI/", familyOpenAIDotNet}, // OpenAI/2.0.0 (.NET ...) names its language elsewhere
	{"GitHubCopilotChat/", familyVSCode}, // what the editor's chat calls itself
	{"vscode", familyVSCode},
	{"Mozilla/", familyBrowser},
	{"curl/", familyCurl},
	{"Go-http-client/", familyGo},
	{"Anthropic/", familyOther},
	{"/JS ", familyOpenAINode}, // a bundler has renamed its class: ls/JS 5.23.2
}

// FamilyOf tells the client's family. It looks for the marks that most clients
// begin with first.
func FamilyOf(agent []byte) Family {
	switch {
	case len(agent) == 0:
		return familyNone
	case bytes.HasPrefix(agent, []byte("OpenAI/Python")), bytes.HasPrefix(agent, []byte("AsyncOpenAI/Python")):
		return familyOpenAIPython
	case bytes.HasPrefix(agent, []byte("OpenAI/JS")):
		return familyOpenAINode
	}
	for _, m := range marks {
		if !bytes.Contains(agent, []byte(m.mark)) {
			continue
		}
		if m.family == familyOpenAIDotNet && !bytes.Contains(agent, []byte("(.NET ")) {
			return familyOther
		}
		return m.family
	}
	return familyOther
}
