package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"

	openaiv1 "github.com/openai/openai-go"
	azurev1 "github.com/openai/openai-go/azure"
	optionv1 "github.com/openai/openai-go/option"
	goopenai "github.com/sashabaranov/go-openai"
)

// openaiV1Cases are those of openai-go v1, which adds OPENAI_API_KEY of the
// environment to a client for Azure: two different secrets in one request.
func openaiV1Cases() []testCase {
	return []testCase{{"v1_azure_key_beside_platform_key/chat", checked(func(ctx context.Context, name string) error {
		if err := os.Setenv("OPENAI_API_KEY", otherKey); err != nil {
			return err
		}
		defer os.Unsetenv("OPENAI_API_KEY")
		client := openaiv1.NewClient(
			azurev1.WithEndpoint(keyBase, apiVersion), azurev1.WithAPIKey(key),
			optionv1.WithMaxRetries(0), optionv1.WithHeader(caseField, name),
		)
		answer, err := client.Chat.Completions.New(ctx, openaiv1.ChatCompletionNewParams{
			Model:    model,
			Messages: []openaiv1.ChatCompletionMessageParamUnion{openaiv1.UserMessage(prompt(name))},
		})
		if err != nil {
			return err
		}
		return checkText(name, answer.Choices[0].Message.Content)
	})}}
}

// goOpenAICases are those of github.com/sashabaranov/go-openai.
func goOpenAICases() []testCase {
	azure := func(base, secret string, kind goopenai.APIType) goopenai.ClientConfig {
		config := goopenai.DefaultAzureConfig(secret, base)
		config.APIType, config.APIVersion = kind, apiVersion
		return config
	}
	v1 := goopenai.DefaultConfig(key)
	v1.BaseURL = keyBase + "/openai/v1"
	kinds := []struct {
		name   string
		config goopenai.ClientConfig
	}{
		{"openai_key", v1},
		{"azure_key", azure(keyBase, key, goopenai.APITypeAzure)},
		{"azure_ad_token", azure(tokenBase, token, goopenai.APITypeAzureAD)},
		{"azure_token_as_key", azure(tokenBase, token, goopenai.APITypeAzure)},
	}
	operations := []struct {
		name string
		run  func(context.Context, *goopenai.Client, string) error
	}{
		{"chat", goOpenAIChat}, {"chat_stream", goOpenAIStream}, {"embeddings", goOpenAIEmbeddings},
		{"upload", goOpenAIUpload}, {"models", goOpenAIModels},
	}
	var cases []testCase
	for _, k := range kinds {
		for _, op := range operations {
			cases = append(cases, testCase{"go-openai_" + k.name + "/" + op.name, checked(func(ctx context.Context, name string) error {
				config := k.config
				config.HTTPClient = named{name}
				return op.run(ctx, goopenai.NewClientWithConfig(config), name)
			})})
		}
	}
	return cases
}

// named adds the case's name to each request.
type named struct{ name string }

func (n named) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set(caseField, n.name)
	return http.DefaultClient.Do(r)
}

func goOpenAIRequest(name string) goopenai.ChatCompletionRequest {
	return goopenai.ChatCompletionRequest{
		Model:    model,
		Messages: []goopenai.ChatCompletionMessage{{Role: "user", Content: prompt(name)}},
	}
}

func goOpenAIChat(ctx context.Context, client *goopenai.Client, name string) error {
	answer, err := client.CreateChatCompletion(ctx, goOpenAIRequest(name))
	if err != nil {
		return err
	}
	return checkText(name, answer.Choices[0].Message.Content)
}

func goOpenAIStream(ctx context.Context, client *goopenai.Client, name string) error {
	stream, err := client.CreateChatCompletionStream(ctx, goOpenAIRequest(name))
	if err != nil {
		return err
	}
	defer stream.Close()
	var pieces []string
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return checkStream(name, pieces)
		}
		if err != nil {
			return err
		}
		for _, choice := range chunk.Choices {
			pieces = append(pieces, choice.Delta.Content)
		}
	}
}

func goOpenAIEmbeddings(ctx context.Context, client *goopenai.Client, name string) error {
	answer, err := client.CreateEmbeddings(ctx, goopenai.EmbeddingRequestStrings{
		Input: []string{name}, Model: embeddingModel,
	})
	if err != nil {
		return err
	}
	return checkVector(answer.Data[0].Embedding)
}

func goOpenAIUpload(ctx context.Context, client *goopenai.Client, _ string) error {
	file, err := client.CreateFileBytes(ctx, goopenai.FileBytesRequest{
		Name: "lines.jsonl", Bytes: upload, Purpose: goopenai.PurposeFineTune,
	})
	if err != nil {
		return err
	}
	if file.Bytes != len(upload) || file.FileName != "lines.jsonl" {
		return errors.New("the upload arrived otherwise")
	}
	return nil
}

func goOpenAIModels(ctx context.Context, client *goopenai.Client, _ string) error {
	list, err := client.ListModels(ctx)
	if err != nil {
		return err
	}
	for _, found := range list.Models {
		if found.ID == model {
			return nil
		}
	}
	return errors.New("the list of models lacks " + model)
}
