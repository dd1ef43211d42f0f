/*
 * The directives of mod_wasm, with the number of words that each takes, and nothing else. Each one that httpd
 * reads is written to the file named by the variable DIRECTIVES: the section's path, the directive, its words.
 */
#include <stdio.h>
#include <stdlib.h>

#include "httpd.h"
#include "http_config.h"

static const char *write_down(cmd_parms *cmd, const char *first, const char *second)
{
    const char *path = getenv("DIRECTIVES");
    FILE *file = path ? fopen(path, "a") : NULL;

    if (file == NULL)
        return "DIRECTIVES names no file that can be written";
    fprintf(file, "%s\x1f%s\x1f%s", cmd->path ? cmd->path : "", cmd->cmd->name, first);
    if (second != NULL)
        fprintf(file, "\x1f%s", second);
    fputc('\n', file);
    fclose(file);
    return NULL;
}

static const char *one_word(cmd_parms *cmd, void *config, const char *word)
{
    return write_down(cmd, word, NULL);
}

static const char *two_words(cmd_parms *cmd, void *config, const char *first, const char *second)
{
    return write_down(cmd, first, second);
}

static const char *flag(cmd_parms *cmd, void *config, int on)
{
    return write_down(cmd, on ? "On" : "Off", NULL);
}

static const command_rec directives[] = {
    AP_INIT_TAKE1("WasmModule", one_word, NULL, OR_OPTIONS, "the module's file"),
    AP_INIT_TAKE1("WasmEntryPoint", one_word, NULL, OR_OPTIONS, "the function that is run"),
    AP_INIT_TAKE2("WasmEnv", two_words, NULL, OR_OPTIONS, "a variable"),
    AP_INIT_TAKE2("WasmMapDir", two_words, NULL, OR_OPTIONS, "a folder"),
    AP_INIT_FLAG("WasmEnableCGI", flag, NULL, OR_OPTIONS, "whether requests come the CGI way"),
    { NULL }
};

AP_DECLARE_MODULE(wasm) = { STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, directives, NULL };
