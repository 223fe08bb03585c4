def explain(document, error):
    mark = error.problem_mark or error.context_mark
    return document.span(mark.line+1, mark.column+1), error.problem, ""
