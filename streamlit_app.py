"""Home: what the lab is, the first three steps, and what is here; and the server that shows it."""

import streamlit as st

if __name__ == "__main__":  # the script of a visitor
    from catdog_core import runs
    from catdog_core.data import datasets
    from catdog_ui import home_view, loaders, startup, trash_view
    from catdog_ui.i18n import N_, t

    startup.setup_page(N_("Home"))

    with startup.guard():
        startup.show_title(t("Watch a network learn cats and dogs"), with_link=False)
        st.markdown(
            t(
                "Explore a small image classifier. Look at its photos, change them and watch it "
                "train. See where it starts to overfit, then try it on your own photos."
            )
        )
        stored_datasets, stored_runs = datasets.list_datasets(), runs.list_runs()
        progress = home_view.measure_progress(stored_datasets, stored_runs)
        is_first_visit = not stored_datasets and not stored_runs
        home_view.show_tour(is_first_visit, progress.steps)
        home_view.tour_button()
        home_view.show_steps(stored_datasets, stored_runs, progress)
        st.space("small")
        if stored_datasets or stored_runs:
            home_view.show_datasets_and_runs(stored_datasets, stored_runs)
            st.space("small")
        home_view.show_pages()
        trash_view.render_trash_panel()

    loaders.begin_preload()
else:  # `streamlit run` imports its server from here
    from catdog_ui import server

    server.check_startup_config()
    app = st.App(
        __file__,
        routes=server.build_routes(),
        middleware=server.build_middleware(),
        lifespan=server.lifespan,
    )
