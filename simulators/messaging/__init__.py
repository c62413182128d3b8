"""Stand-ins of the services that carry messages: LINE's Messaging API and a web push service, over real HTTP."""
