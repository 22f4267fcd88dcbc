//! DescribeInstanceInformation: the nodes that all filters fit.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::ssm::fields::strings;
use crate::ssm::node::Node;
use crate::ssm::page::page;
use crate::ssm::refusal::Refusal;
use crate::ssm::state::State;

/// Values that one filter takes.
const VALUES: usize = 100;

pub(super) fn answer(state: &State, body: &Value) -> Result<Value, Refusal> {
    let filters = read(body)?;
    let now = SystemTime::now();
    let mut rows = Vec::new();
    for node in &state.nodes {
        if fits(node, &filters)? {
            rows.push(node.information(now));
        }
    }
    let (rows, token) = page(rows, body, state.page_size)?;
    Ok(json!({ "InstanceInformationList": rows, "NextToken": token }))
}

/// Keys and values, of both forms that the API has.
fn read(body: &Value) -> Result<Vec<(&str, Vec<&str>)>, Refusal> {
    let of = |field: &str, key: &'static str, values: &'static str| {
        let filters = body[field].as_array().into_iter().flatten();
        filters
            .map(|filter| (filter[key].as_str().unwrap_or(""), strings(filter, values)))
            .collect::<Vec<_>>()
    };
    let filters =
        [of("Filters", "Key", "Values"), of("InstanceInformationFilterList", "key", "valueSet")].concat();
    if filters.iter().any(|(_, values)| values.is_empty() || values.len() > VALUES) {
        return Err(Refusal::shape("filters.1.member.values", "have length between 1 and 100"));
    }
    Ok(filters)
}

/// Whether a node has, for each filter, one of its values.
fn fits(node: &Node, filters: &[(&str, Vec<&str>)]) -> Result<bool, Refusal> {
    let mut fits = true;
    for (key, wanted) in filters {
        let has = node.values(key).ok_or_else(|| Refusal::new("InvalidFilterKey", *key))?;
        fits &= has.iter().any(|value| wanted.contains(value));
    }
    Ok(fits)
}
