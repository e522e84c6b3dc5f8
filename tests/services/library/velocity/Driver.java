import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.net.URLEncoder;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.commons.lang.StringEscapeUtils;
import org.apache.velocity.Template;
import org.apache.velocity.VelocityContext;
import org.apache.velocity.runtime.RuntimeSingleton;

/**
 * Renders mapping templates with Apache Velocity 1.7, for oracle.py.
 *
 * A job is lines of `kind TAB name TAB base64 value` up to an empty line; so is its answer. What $input.json(...) and
 * $input.path(...) answer is part of the job: what Velocity makes of it is what is judged here.
 */
public final class Driver {
    /** API Gateway's $input. */
    public static final class Input {
        final Map<String, String> json = new HashMap<>();
        final Map<String, Object> path = new HashMap<>();
        final Map<String, Object> params = new LinkedHashMap<>();
        String body = "";

        public String getBody() {
            return body;
        }

        public String json(String expression) {
            return json.get(expression);
        }

        public Object path(String expression) {
            return path.get(expression);
        }

        public Map<String, Object> params() {
            return params;
        }

        /** "from the path, query string, or header value (searched in that order)" */
        public Object params(String name) {
            for (String place : new String[] {"path", "querystring", "header"}) {
                Map<?, ?> found = (Map<?, ?>) params.get(place);
                if (found != null && found.containsKey(name)) {
                    return found.get(name);
                }
            }
            return "";
        }
    }

    /** API Gateway's $util, as far as it is documented to be commons-lang. */
    public static final class Util {
        public String escapeJavaScript(String text) {
            return StringEscapeUtils.escapeJavaScript(text);
        }

        /** "Encodes the data into a base64-encoded string" */
        public String base64Encode(String text) throws Exception {
            return Base64.getEncoder().encodeToString(text.getBytes("UTF-8"));
        }

        /** "Converts a string into application/x-www-form-urlencoded format" */
        public String urlEncode(String text) throws Exception {
            return URLEncoder.encode(text, "UTF-8");
        }
    }

    private static final Map<String, Template> PARSED = new HashMap<>();

    private Input input = new Input();
    private Map<String, Object> context = new LinkedHashMap<>();
    private String source = "";

    public static void main(String[] arguments) throws Exception {
        RuntimeSingleton.setProperty(
            "runtime.log.logsystem.class", "org.apache.velocity.runtime.log.NullLogChute");
        RuntimeSingleton.init();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        PrintStream answers = new PrintStream(System.out, false, "UTF-8");
        Driver job = new Driver();
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (!line.isEmpty()) {
                job.read(line.split("\t", -1));
                continue;
            }
            try {
                job.render(answers);
            } catch (Exception error) {
                answer(answers, "error", "", String.valueOf(error));
            }
            answers.println();
            answers.flush();
            job = new Driver();
        }
    }

    private void read(String[] field) throws Exception {
        String value = new String(Base64.getDecoder().decode(field[2]), "UTF-8");
        switch (field[0]) {
            case "template": source = value; break;
            case "body": input.body = value; break;
            case "json": input.json.put(field[1], value); break;
            case "path": input.path.put(field[1], value); break;
            case "params": put(input.params, field[1], value); break;
            case "context": put(context, field[1], value); break;
            case "number": put(context, field[1], Integer.valueOf(value)); break;
            default: throw new IllegalArgumentException(field[0]);
        }
    }

    /** Names are paths of map keys with `/` between them; one that ends in `/` is an empty map. */
    @SuppressWarnings("unchecked")
    private static void put(Map<String, Object> into, String name, Object value) {
        int slash = name.indexOf('/');
        if (slash < 0) {
            if (!name.isEmpty()) {
                into.put(name, value);
            }
            return;
        }
        Object inner = into.computeIfAbsent(name.substring(0, slash), key -> new LinkedHashMap<String, Object>());
        put((Map<String, Object>) inner, name.substring(slash + 1), value);
    }

    private void render(PrintStream answers) throws Exception {
        Template template = PARSED.get(source);
        if (template == null) {
            template = new Template();
            template.setRuntimeServices(RuntimeSingleton.getRuntimeServices());
            template.setName("mapping");
            template.setData(RuntimeSingleton.parse(new StringReader(source), "mapping"));
            template.initDocument();
            PARSED.put(source, template);
        }
        VelocityContext scope = new VelocityContext();
        scope.put("input", input);
        scope.put("util", new Util());
        scope.put("context", context);
        StringWriter writer = new StringWriter();
        template.merge(scope, writer);
        answer(answers, "text", "", writer.toString());
        leaves(answers, "", context);
    }

    private static void leaves(PrintStream answers, String prefix, Map<?, ?> map) throws Exception {
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            if (entry.getValue() instanceof Map) {
                leaves(answers, prefix + entry.getKey() + "/", (Map<?, ?>) entry.getValue());
            } else {
                answer(answers, "context", prefix + entry.getKey(), String.valueOf(entry.getValue()));
            }
        }
    }

    private static void answer(PrintStream answers, String kind, String name, String value) throws Exception {
        answers.println(kind + "\t" + name + "\t" + Base64.getEncoder().encodeToString(value.getBytes("UTF-8")));
    }
}
