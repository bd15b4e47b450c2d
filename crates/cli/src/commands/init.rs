//! `aqueduct init`.

use std::path::Path;

use aqueduct_pipeline::schema::{Error, Result, codes};

use crate::commands::Context;

/// The policy that a new project starts with: the default policy, written out so that it can be changed.
const POLICY: &str = include_str!("../../../../pipelines/policies/default.yaml");

/// What is not for a repository: secrets, what processes share (tokens among it), and warehouses.
const GITIGNORE: &str = ".env\n.aqueduct/\n*.db\n*.db-*\n";

/// Writes a pipeline file with every key the connector's config takes, a policy, a .env.example and a .gitignore. Nothing is overwritten.
pub(crate) fn init(context: &Context, connector: &str, name: Option<&str>, folder: &Path) -> Result<u8> {
    let registration = context.registry.find(connector)?;
    let name = name.unwrap_or(connector);
    let schema = (registration.config_schema)().to_value();
    let mut variables = Vec::new();
    let config = config_lines(connector, &schema, &mut variables);
    let pipeline = format!(
        "# {}\n# {}\nname: {name}\nsource:\n  connector: {connector}\n  config:\n{config}  # select: [contacts, deals.amount, \"!contacts.fax\"]   # everything that is mapped where it is left out\nnormalise:\n  defaults: {{ country: GB }}                    # for telephone numbers without a country\nprivacy:\n  policy: policies/default.yaml\ndestination:\n  url: ${{WAREHOUSE_URL:-sqlite://warehouse.db}}\n",
        registration.summary, registration.documentation
    );
    let env: String = variables.iter().map(|variable| format!("{variable}=\n")).collect();
    write(context, &folder.join("pipelines").join(format!("{name}.yaml")), &pipeline)?;
    write(context, &folder.join("pipelines/policies/default.yaml"), POLICY)?;
    write(context, &folder.join(".env.example"), &format!("{env}# WAREHOUSE_URL=postgres://user:password@localhost/warehouse\n"))?;
    write(context, &folder.join(".gitignore"), GITIGNORE)?;
    let secrets = if variables.is_empty() { "fill in the config" } else { "copy .env.example to .env and fill it in" };
    context.output.answer(&format!("Next: {secrets}, then\n  aqueduct check {name}\n  aqueduct preview {name}\n  aqueduct run {name}"));
    Ok(0)
}

/// The config's keys as YAML: required ones and secrets as they are to be filled in, the others as comments.
fn config_lines(connector: &str, schema: &serde_json::Value, variables: &mut Vec<String>) -> String {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
    let mut text = String::new();
    let mut first_secret = true;
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let description = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        let secret = property.to_string().contains("x-secret");
        let variable = format!("{}_{}", connector.to_uppercase(), key.to_uppercase());
        let value = match (secret, &property["default"]) {
            (true, _) => format!("${{{variable}}}"),
            (false, serde_json::Value::Null) => String::new(),
            (false, default) => default.to_string(),
        };
        // Of several secrets the first is the simplest way in; the others belong to other ways and start as comments.
        let active = required.contains(&key.as_str()) || (secret && first_secret);
        if secret && first_secret {
            variables.push(variable);
            first_secret = false;
        }
        let comment = if active { "" } else { "# " };
        text.push_str(&format!("    # {description}\n    {comment}{key}: {value}\n"));
    }
    text
}

fn write(context: &Context, path: &Path, text: &str) -> Result<()> {
    if path.exists() {
        context.output.answer(&format!("{} exists and stays as it is", path.display()));
        return Ok(());
    }
    let unwritable =
        |error: std::io::Error| Error::new(codes::FILE_UNREADABLE, format!("`{}` cannot be written ({})", path.display(), error.kind()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(unwritable)?;
    }
    std::fs::write(path, text).map_err(unwritable)?;
    context.output.answer(&format!("wrote {}", path.display()));
    Ok(())
}
