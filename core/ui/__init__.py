"""The browser door: Streamlit, and nothing that another door would need."""
