/** All words of the page. Another language is another folder beside `en` with the same types, chosen here. */
export * from "./en";
