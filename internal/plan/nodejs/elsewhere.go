package nodejs

import "fmt"

// hosts are places whose adapters of frameworks make what runs nowhere else:
// https://svelte.dev/docs/kit/adapters, https://docs.astro.build/en/guides/on-demand-rendering/#server-adapters.
var hosts = []struct{ name, suffix string }{
	{"Vercel", "vercel"}, {"Netlify", "netlify"}, {"Cloudflare", "cloudflare"}, {"Cloudflare", "cloudflare-workers"},
}

// elsewhere says what to do about an adapter for another place: it is to be another package, which config names. prefix is
// what the names of the framework's adapters begin with.
func (p *Project) elsewhere(prefix, instead, config string) output {
	for _, host := range hosts {
		if adapter := prefix + host.suffix; p.manifest.Has(adapter) {
			return output{hint: fmt.Sprintf("%s makes what %s alone runs: add %s, and name it in %s.", adapter, host.name, instead, config)}
		}
	}
	return output{}
}
