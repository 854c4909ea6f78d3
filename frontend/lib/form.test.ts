import { expect, it } from "vitest";

import { csrfToken } from "./api/client";
import { fieldErrors, ProblemError } from "./api/problem";
import { issuesByField } from "./form";

it("a complaint stands at the path that the server would name", () => {
  const issues = [
    { path: ["knowledge", "faqs", 0, "answer"], message: "first" },
    { path: ["knowledge", "faqs", 0, "answer"], message: "second" },
    { path: [], message: "all of it" },
  ];
  expect(issuesByField(issues)).toEqual({ "knowledge.faqs[0].answer": "first", "": "all of it" });
});

it("what the server says about one field is said together", () => {
  const errors = [
    { field: "email", message: "is taken" },
    { field: "email", message: "is odd" },
  ];
  const problem = new ProblemError({ type: "urn:vca:problem:validation", title: "", status: 422, detail: "", errors });
  expect(fieldErrors(problem)).toEqual({ email: "is taken; is odd" });
  expect(problem.kind).toBe("validation");
  expect(fieldErrors(new Error("no"))).toEqual({});
});

it("the token of the double submit is the cookie of that name only", () => {
  expect(csrfToken("a=1; vca_csrf=x%3Dy; b=2")).toBe("x=y");
  expect(csrfToken("not_vca_csrf=x")).toBeNull();
});
