package node

import (
	"regexp"
	"strings"
)

// labels describe the image, from package.json: https://github.com/opencontainers/image-spec/blob/main/annotations.md.
func (p *Project) labels() map[string]string {
	const prefix = "org.opencontainers.image."
	list := map[string]string{
		prefix + "title": p.manifest.Name, prefix + "version": p.manifest.Version, prefix + "description": p.manifest.Description,
	}
	if licence, ok := p.manifest.License.(string); ok {
		list[prefix+"licenses"] = licence
	}
	repository, _ := p.manifest.Repository.(string)
	if object, ok := p.manifest.Repository.(map[string]any); ok {
		repository, _ = object["url"].(string)
	}
	list[prefix+"source"] = webAddress(repository)
	for name, value := range list {
		if value == "" {
			delete(list, name)
		}
	}
	return list
}

var shorthand = regexp.MustCompile(`^(?:github:)?([\w.-]+/[\w.-]+)$`)

// webAddress turns the forms that npm allows into an https address; empty for one that it does not know.
func webAddress(repository string) string {
	if match := shorthand.FindStringSubmatch(repository); match != nil {
		return "https://github.com/" + match[1]
	}
	address := strings.TrimSuffix(strings.TrimPrefix(repository, "git+"), ".git")
	address = strings.Replace(address, "git://", "https://", 1)
	address = strings.Replace(address, "ssh://git@", "https://", 1)
	if host, rest, ok := strings.Cut(strings.TrimPrefix(address, "git@"), ":"); ok && strings.HasPrefix(address, "git@") {
		address = "https://" + host + "/" + rest
	}
	// Credentials in an address are nobody's business.
	if !strings.HasPrefix(address, "https://") || strings.Contains(address, "@") {
		return ""
	}
	return address
}
