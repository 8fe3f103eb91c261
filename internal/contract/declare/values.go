package declare

import (
	"math"
	"strconv"
)

// Each of these reads a value of project.toml into a rule, and says why when it cannot.

func text(target *string, raw any) string {
	value, ok := raw.(string)
	if !ok {
		return "a string is expected"
	}
	*target = value
	return ""
}

// scalar takes numbers and booleans, too: they are written as in an environment.
func scalar(target *string, raw any) string {
	switch value := raw.(type) {
	case string:
		*target = value
	case bool:
		*target = strconv.FormatBool(value)
	case int64:
		*target = strconv.FormatInt(value, 10)
	case float64:
		*target = strconv.FormatFloat(value, 'f', -1, 64)
	default:
		return "a string, a number, true or false is expected"
	}
	return ""
}

func texts(target *[]string, raw any) string {
	list, ok := raw.([]any)
	if !ok {
		return "a list of strings is expected"
	}
	for _, item := range list {
		value := ""
		if scalar(&value, item) != "" || value == "" {
			return "a list of strings is expected"
		}
		*target = append(*target, value)
	}
	return ""
}

func boolean(target *bool, raw any) string {
	value, ok := raw.(bool)
	if !ok {
		return "true or false is expected"
	}
	*target = value
	return ""
}

func number(target **float64, raw any) string {
	var value float64
	switch n := raw.(type) {
	case int64:
		value = float64(n)
	case float64:
		value = n
	default:
		return "a number is expected"
	}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return "a number that is finite is expected"
	}
	*target = &value
	return ""
}

func length(target **int, raw any) string {
	n, ok := raw.(int64)
	if !ok || n < 0 {
		return "a whole number is expected"
	}
	value := int(n)
	*target = &value
	return ""
}
