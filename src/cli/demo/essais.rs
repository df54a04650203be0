use super::Demo;
pub fn dis(_demo: &Demo, _url: &str, _vkey: &str) -> anyhow::Result<()> {
    Ok(())
}
