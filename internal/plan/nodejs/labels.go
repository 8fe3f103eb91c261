package nodejs

import "github.com/gantry-buildpack/gantry/internal/source/app"

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
	list[prefix+"source"] = app.WebAddress(repository)
	revision, remote := p.app.Git()
	list[prefix+"revision"] = revision
	if list[prefix+"source"] == "" {
		list[prefix+"source"] = app.WebAddress(remote)
	}
	for name, value := range list {
		if value == "" {
			delete(list, name)
		}
	}
	return list
}
