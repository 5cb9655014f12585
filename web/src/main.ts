import { mount } from "svelte";
import App from "./App.svelte";
import "./theme/base.css";

const target = document.getElementById("page");
// reading all that code took a while: others have their turn before it is used
if (target) setTimeout(() => mount(App, { target }));
